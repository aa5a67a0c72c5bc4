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
	if k := m.Known(); k.Reached || k.Ready != 0 || k.Speech != 0 || k.Mouths >= enough {
		t.Errorf("after a second of silence: %+v", k)
	}
	show(1, 50, -25, func(i int) float64 { return .13 + .13*math.Sin(float64(i)*.7) })
	k := m.Known()
	if k.Mouths < enough || !k.Reached || k.Ready <= 0 || k.Ready > k.Speech || k.Speech < 1900*time.Millisecond || k.Speech > 2100*time.Millisecond {
		t.Errorf("after two seconds of speech: %+v", k)
	}
	ready := k.Ready
	if show(1, 10, -25, func(int) float64 { return .1 }); m.Known().Ready != ready {
		t.Errorf("the start changed from %v to %v", ready, m.Known().Ready)
	}
}

// TestWarmStart: who is known from another session has had enough mouths before they speak,
// and that stays so.
func TestWarmStart(t *testing.T) {
	_, kept := keptOf(t, speaker(), 80)
	m, _ := open(t, Config{})
	if err := m.Take(kept); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		who := speaker()
		who.height = .1 + .1*math.Sin(float64(i)*.7)
		at := time.Second + time.Duration(i)*tick
		m.Hear(at, map[bool]float64{true: -70, false: -25}[i < 20])
		f := who.draw(picW, picH)
		f.PTS = at
		if _, err := m.Learn(t.Context(), f, []inference.Face{who.face(1)}); err != nil {
			t.Fatal(err)
		}
		f.Release()
		if k := m.Known(); i >= sameKept && (!k.Warm || !k.Reached || k.Ready != 0) {
			t.Fatalf("frame %d: %+v", i, k)
		}
	}
	if k := m.Known(); k.Speech == 0 {
		t.Errorf("nothing was said: %+v", k)
	}
}
