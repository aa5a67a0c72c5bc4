package session_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/cmaf"
	"livedub/session/fanout"
	"livedub/session/spec"
)

// TestProgramOfACall keeps a call of two publishers in segments: frames, dubs and times
// are those of the call, and viewers come and go beside it.
func TestProgramOfACall(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	var segments []cmaf.Segment
	var inits []cmaf.Init
	var zero, again time.Duration // output times of the publishers' first frames
	d := spec.Sync.DefaultDelay()
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		m := cmaf.New(cmaf.Config{Segment: seconds(4),
			Init:   func(i cmaf.Init) error { inits = append(inits, i); return nil },
			Closed: func(s cmaf.Segment) error { segments = append(segments, s); return nil },
		})
		l.add("es", m, fanout.Program(), fanout.Recording())
		time.Sleep(seconds(1.5))
		zero = l.Clock.Now() + d
		l.publish(src)
		time.Sleep(seconds(5))
		view := l.add("es", &memory{})
		time.Sleep(seconds(2))
		view.Close()
		time.Sleep(seconds(2.5) + d)
		again = l.Clock.Now() + d
		l.publish(src)
		time.Sleep(seconds(9.5) + d)
		if err := l.m.Delete("a"); err != nil {
			t.Fatal(err)
		}
		if f, st := l.State().Failures, l.State().Stages["program"]; len(f) > 0 || st.Dropped > 0 {
			t.Errorf("failures %v, stage %+v", f, st)
		}
	})
	if len(inits) != 1 {
		t.Fatalf("%d inits", len(inits))
	}
	r, err := cmaf.NewReader(inits[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	got := &memory{tracks: r.Tracks()}
	for _, s := range segments {
		packets, err := r.Packets(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		got.packets = append(got.packets, packets...)
	}
	slices.SortStableFunc(got.packets, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
	shown := map[time.Duration]int{}
	for _, p := range shownFrames(t, got) {
		shown[p.at.Round(seconds(1./testFPS))] = p.number
	}
	pcm := sound(t, got)
	for _, from := range []time.Duration{zero, again} {
		missing := 0
		for i := range 9 * testFPS {
			at := (from + time.Duration(i)*time.Second/testFPS).Round(seconds(1. / testFPS))
			if n, ok := shown[at]; !ok || n != i%16 {
				missing++
			}
		}
		if missing > 2 {
			t.Errorf("from %v: %d of %d frames are missing or elsewhere", from, missing, 9*testFPS)
		}
		for i, b := range said {
			at := from + b.from + seconds(.05)
			if lv := level(pcm, fake.Tone, at); lv < 3000 {
				t.Errorf("from %v: dub %d is at %.0f", from, i, lv)
			}
		}
	}
}
