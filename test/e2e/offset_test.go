package e2e

import (
	"math"
	"slices"
	"testing"
	"time"

	"livedub/internal/testkit/netem"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// newSpeaker returns a drawn speaker with bar code and sound markers.
func newSpeaker(t testing.TB, key time.Duration) *testspeaker.Source {
	t.Helper()
	speech, err := testspeaker.Speak(t.Context(), nil, 700*time.Millisecond, testspeaker.Sentences...)
	if err != nil {
		t.Fatal(err)
	}
	tk, err := testspeaker.New(testspeaker.Config{Width: 640, Height: 360, FPS: testFPS, Speech: speech, Loop: true, BarCode: true, Markers: true})
	if err != nil {
		t.Fatal(err)
	}
	src, err := testspeaker.NewSource(tk, testspeaker.SourceConfig{KeyInterval: key})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// seen is a frame by its bar code, with its time by sender reports and of its arrival.
type seen struct {
	n   uint16
	ntp float64
	at  time.Time
}

// frames decodes what a watcher got and reads the bar codes.
func (w *watcher) shownFrames(t *testing.T) (out []seen, misread int) {
	t.Helper()
	w.eachFrame(t, func(_ int, u received, f *media.Frame) {
		n, ok := testspeaker.ReadBar(f)
		ntp, mapped := w.ntp(media.Video, u.rtp, 90000)
		if !ok || !mapped {
			misread++
			return
		}
		out = append(out, seen{n, ntp, u.at})
	})
	return out, misread
}

// markers returns the times of the sound markers by sender reports.
func (w *watcher) markers(t *testing.T) []float64 {
	t.Helper()
	all := media.Samples{Rate: 48000, Channels: 1}
	w.eachSound(t, func(_ int, _ received, s media.Samples) {
		at := media.TimeToSamples(s.PTS, 48000)
		if at > len(all.Data) {
			all.Data = append(all.Data, make([]int16, at-len(all.Data))...)
		}
		if at >= 0 {
			all.Data = append(all.Data[:at], s.Data...)
		}
	})
	found, err := testspeaker.FindMarkers(all)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	zero, ok := w.ntp(media.Audio, w.audio[0].rtp, 48000)
	if !ok {
		t.Fatal("no sender report for the sound")
	}
	var out []float64
	for _, m := range found {
		out = append(out, zero+m.Seconds())
	}
	return out
}

// offsets pairs each marker with the frame that shows the same whole second:
// sound less frame, in ms, positive where the sound is late.
func offsets(t *testing.T, w *watcher) []float64 {
	t.Helper()
	shown, misread := w.shownFrames(t)
	if misread > 0 || len(shown) == 0 {
		t.Errorf("%d of %d bar codes misread", misread, len(shown)+misread)
	}
	var out []float64
	for _, m := range w.markers(t) {
		best := math.Inf(1)
		for _, p := range shown {
			if int(p.n)%testFPS == 0 && math.Abs(m-p.ntp) < math.Abs(best) {
				best = m - p.ntp
			}
		}
		if math.Abs(best) < .5 {
			out = append(out, best*1000)
		}
	}
	return out
}

// settled is how many markers come before the publisher's sender reports have
// told both tracks' times: until then arrival is all there is to go by.
const settled = 2

// worst returns the 99th percentile of the magnitudes, which few samples make the largest.
func worst(v []float64) float64 {
	w := 0.
	for _, x := range v {
		w = max(w, math.Abs(x))
	}
	return w
}

// TestOffsetOfWhatWasSent has a separate receiver compare sound markers with
// bar codes by sender reports, in the dub and in the original.
func TestOffsetOfWhatWasSent(t *testing.T) {
	s := serve(t)
	publish(t, s, "/whip/call?from=en&to=es", newSpeaker(t, time.Second), nil)
	dub, original := watch(t, s, "/whep/call/es"), watch(t, s, "/whep/call/en")
	time.Sleep(16 * time.Second)
	for name, w := range map[string]*watcher{"es": dub, "en": original} {
		off := offsets(t, w)
		t.Logf("%s: %d markers, sound less frame %.1f ms", name, len(off), off)
		if len(off) < 6 || worst(off[settled:]) > 45 {
			t.Errorf("%s: %d markers, worst offset %.1f ms", name, len(off), worst(off[settled:]))
		}
	}
}

// TestBadNetwork loses 5 % of the publisher's packets in bursts, then all for
// 2 s: the frame stands no longer than that and a second more, and sound and
// frame stay together.
func TestBadNetwork(t *testing.T) {
	s := serve(t)
	relay, err := netem.New(netem.Config{
		Seed: 7, Target: mediaAddr(t, s), Up: netem.Faults{Loss: .05, Burst: 2, Delay: 10 * time.Millisecond, Jitter: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Close() })
	publish(t, s, "/whip/call?from=en&to=es", newSpeaker(t, 500*time.Millisecond), relay)
	w := watch(t, s, "/whep/call/es")
	relay.Blackout(8*time.Second, 2*time.Second)
	time.Sleep(20 * time.Second)
	end := time.Now()
	t.Logf("the network: %+v", relay.Counters(netem.Up))
	shown, _ := w.shownFrames(t)
	var gaps []float64
	for i := 1; i < len(shown); i++ {
		gaps = append(gaps, shown[i].at.Sub(shown[i-1].at).Seconds())
	}
	slices.Sort(gaps)
	if len(gaps) == 0 || gaps[len(gaps)-1] > 3 {
		t.Fatalf("%d frames; the longest standing: %v s", len(shown), gaps[max(0, len(gaps)-3):])
	}
	off := offsets(t, w)
	t.Logf("%d frames, the longest standing %.2f s, sound less frame %.1f ms", len(shown), gaps[len(gaps)-1], off)
	if len(off) < 6 || worst(off[settled:]) > 45 {
		t.Errorf("%d markers, worst offset %.1f ms", len(off), worst(off[settled:]))
	}
	if last := end.Sub(shown[len(shown)-1].at); last > time.Second {
		t.Errorf("the last frame came %v ago", last)
	}
}
