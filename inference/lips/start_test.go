package lips

import (
	"math"
	"testing"
	"time"

	"livedub/inference"
)

// TestColdStart: it is told how many mouths are known, and after how much speech they were
// enough; silence is no speech, and another face begins anew.
func TestColdStart(t *testing.T) {
	m, _ := open(t, Config{})
	if k := m.Known(); k != (inference.MouthsKnown{Enough: enough}) {
		t.Errorf("before anything: %+v", k)
	}
	at := time.Second
	show := func(id, frames int, level float64, height func(i int) float64) {
		for i := range frames {
			who := speaker()
			who.height, who.width = height(i), .8+.1*math.Sin(float64(i)*.31)
			m.Hear(at, level)
			f := who.draw(picW, picH)
			f.PTS = at
			if _, err := m.Learn(t.Context(), f, []inference.Face{who.face(id)}); err != nil {
				t.Fatal(err)
			}
			f.Release()
			at += tick
		}
	}
	show(1, 25, -70, func(int) float64 { return .02 })
	if k := m.Known(); k.Ready != 0 || k.Speech != 0 || k.Mouths >= enough {
		t.Errorf("after a second of silence: %+v", k)
	}
	show(1, 50, -25, func(i int) float64 { return .13 + .13*math.Sin(float64(i)*.7) })
	k := m.Known()
	if k.Mouths < enough || k.Ready <= 0 || k.Ready > k.Speech || k.Speech < 1900*time.Millisecond || k.Speech > 2100*time.Millisecond {
		t.Errorf("after two seconds of speech: %+v", k)
	}
	ready := k.Ready
	if show(1, 10, -25, func(int) float64 { return .1 }); m.Known().Ready != ready {
		t.Errorf("the start changed from %v to %v", ready, m.Known().Ready)
	}
}
