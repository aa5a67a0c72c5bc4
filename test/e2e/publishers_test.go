package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// cut returns the packets of a tape that keep wants, later by so much.
func (t *tape) cut(later time.Duration, keep func(media.Packet) bool) *tape {
	out := &tape{tracks: t.tracks}
	for _, p := range t.packets {
		if keep(p) {
			p.PTS, p.DTS = p.PTS+later, p.DTS+later
			out.packets = append(out.packets, p)
		}
	}
	return out
}

func all(media.Packet) bool { return true }

// from keeps the packets of one kind from some time on, and all of the other.
func from(kind media.Kind, at time.Duration) func(media.Packet) bool {
	return func(p media.Packet) bool { return p.Kind != kind || p.DTS >= at }
}

// sizes decodes what a watcher got; it returns how many frames have each
// height, and the longest time from one to the next.
func (w *watcher) sizes(t *testing.T) (heights map[int]int, longest time.Duration) {
	t.Helper()
	heights = map[int]int{}
	w.eachFrame(t, func(_ int, _ received, f *media.Frame) { heights[f.Height]++ })
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, u := range w.video[min(1, len(w.video)):] {
		longest = max(longest, u.at.Sub(w.video[i].at))
	}
	return heights, longest
}

// TestPublishersOfEveryKind has publishers who are not plain all at once, each in
// a session: one whose frames grow, one with sound alone, one with frames
// alone, two of whom one track begins 3 s late, and one whose clock jumps.
func TestPublishersOfEveryKind(t *testing.T) {
	const length, later, jump = 10 * time.Second, 3 * time.Second, 30 * time.Second
	small := record(t, testspeaker.Config{Width: 320, Height: 180, Markers: true}, length)
	large := record(t, testspeaker.Config{Width: 480, Height: 270}, length/2)
	grown := small.cut(0, func(p media.Packet) bool { return p.DTS < length/2 })
	grown.packets = append(grown.packets, large.cut(length/2, all).packets...)
	jumped := map[media.Kind]bool{}
	publishers := map[string]struct {
		src *tape
		how sending
	}{
		"grows":       {grown, sending{}},
		"sound":       {small.cut(0, all), sending{only: media.Audio}},
		"frames":      {small.cut(0, all), sending{only: media.Video}},
		"late-sound":  {small.cut(0, from(media.Audio, later)), sending{}},
		"late-camera": {small.cut(0, from(media.Video, later)), sending{}},
		"jumps": {small.cut(0, all), sending{skip: func(p media.Packet) time.Duration {
			if p.DTS < length/2 || jumped[p.Kind] {
				return 0
			}
			jumped[p.Kind] = true
			return jump
		}}},
	}
	s := serve(t, fakes...)
	dubs, originals, resources := map[string]*watcher{}, map[string]*watcher{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(publishers)) {
		p := publishers[name]
		_, resources[name] = p.how.publish(t, s, "/whip/"+name+"?from=en&to=es&delay_ms=1000", p.src)
		dubs[name], originals[name] = watch(t, s, "/whep/"+name+"/es"), watch(t, s, "/whep/"+name+"/en")
	}
	time.Sleep(length + 2*time.Second)

	for name, want := range map[string]struct{ frames, sounds, phrases int }{
		"grows": {200, 350, 2}, "sound": {0, 350, 2}, "frames": {200, 0, 0},
		"late-sound": {200, 150, 1}, "late-camera": {120, 350, 2}, "jumps": {200, 350, 2},
	} {
		frames, sounds := dubs[name].came()
		_, body := s.call(t, "GET", "/v1/sessions/"+name, "", nil)
		played := strings.Count(body, `"fate":"played"`)
		heights, longest := dubs[name].sizes(t)
		t.Logf("%s: %d frames of heights %v, the longest standing %v, %d sounds, %d phrases", name, frames, heights, longest.Round(time.Millisecond), sounds, played)
		if frames < want.frames || want.frames == 0 && frames > 0 || sounds < want.sounds || played < want.phrases {
			t.Errorf("%s: want %+v: %s", name, want, body)
		}
		if name == "grows" && (heights[180] < 100 || heights[270] < 90) {
			t.Errorf("%s: %v", name, heights)
		}
		if longest > time.Second {
			t.Errorf("%s: the frame stands for %v", name, longest)
		}
	}
	off := offsets(t, originals["jumps"])
	t.Logf("sound less frame around a jump of the sender's clock: %.1f ms", off)
	if len(off) < 6 || worst(off[settled:]) > 45 {
		t.Errorf("%d markers, worst offset %.1f ms", len(off), worst(off))
	}
	if n := s.gauge(t, `livedub_clock_jumps_total`); n != 2 {
		t.Errorf("%v jumps were noticed, of one sender's two tracks", n)
	}

	// One who has left gives way at once.
	if code, body := s.call(t, "DELETE", resources["jumps"], "", nil); code != 200 {
		t.Errorf("DELETE: %d %s", code, body)
	}
	had, _ := dubs["jumps"].came()
	publish(t, s, "/whip/jumps", small.cut(0, all), nil)
	until(t, "the next publisher is seen", func() bool { n, _ := dubs["jumps"].came(); return n > had+30 })
	if log := s.printed(); strings.Contains(log, "stage failed") {
		t.Error(fmt.Sprint("a stage failed:\n", log))
	}
}
