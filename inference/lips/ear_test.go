package lips

import (
	"math"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// couple shows two faces side by side, and returns them.
func couple(left, right drawn) (*media.Frame, []inference.Face) {
	const w, h = 200, 180 // of each half
	faces := []inference.Face{left.face(1), right.face(2)}
	right.x -= w
	f, a, b := media.NewFrame(2*w, h), left.draw(w, h), right.draw(w, h)
	defer a.Release()
	defer b.Release()
	for y := range h {
		copy(f.Y[y*f.YStride:], a.Y[y*a.YStride:][:w])
		copy(f.Y[y*f.YStride+w:], b.Y[y*b.YStride:][:w])
	}
	for y := range h / 2 {
		copy(f.U[y*f.UVStride:], a.U[y*a.UVStride:][:w/2])
		copy(f.V[y*f.UVStride:], a.V[y*a.UVStride:][:w/2])
		copy(f.U[y*f.UVStride+w/2:], b.U[y*b.UVStride:][:w/2])
		copy(f.V[y*f.UVStride+w/2:], b.V[y*b.UVStride:][:w/2])
	}
	return f, faces
}

// TestWhoSpeaks shows somebody who eats beside somebody who talks: the mouth is made of
// whose moves with the sound, not of who is larger, and of the other one when they take turns.
func TestWhoSpeaks(t *testing.T) {
	const turn = 170 // frames
	for name, deaf := range map[string]bool{"hears": false, "deaf": true} {
		m, _ := open(t, Config{})
		chew := func(i int) float64 { return .1 + .1*math.Sin(float64(i)*.6) }
		talk := func(i int) (height, level float64) {
			if i%40 >= 25 {
				return .02, -70
			}
			return .13 + .12*math.Sin(float64(i)*.9), -22
		}
		for i := range 2 * turn {
			left := drawn{x: 100, y: 75, eyes: 52, width: .8, skin: 150}
			right := drawn{x: 300, y: 75, eyes: 40, width: .8, skin: 150}
			spoken, level := talk(i)
			left.height, right.height = chew(i), spoken
			if i >= turn {
				left.height, right.height = spoken, chew(i)
			}
			at := time.Second + time.Duration(i)*tick
			if !deaf {
				m.Hear(at, level)
			}
			f, faces := couple(left, right)
			f.PTS = at
			if _, err := m.Learn(t.Context(), f, faces); err != nil {
				t.Fatal(err)
			}
			f.Release()
			want := 2
			if i >= turn || deaf {
				want = 1
			}
			if i%turn >= turn-50 && m.face != want {
				t.Errorf("%s: frame %d: face %d has the mouth, want %d (it moves with the sound by %.2f, the other by %.2f)",
					name, i, m.face, want, m.seen[1].speaks(), m.seen[2].speaks())
			}
		}
	}
}

func TestEar(t *testing.T) {
	var e ear
	if _, ok := e.loud(time.Second); ok {
		t.Error("something was heard before anything was")
	}
	for i := range 5000 {
		e.hear(time.Duration(i)*20*time.Millisecond, -30)
	}
	e.hear(math.MinInt64, -3)
	e.hear(200*time.Second, math.NaN())
	for at, want := range map[time.Duration]bool{99 * time.Second: true, 70 * time.Second: true, time.Second: false, 200 * time.Second: false, -time.Second: false} {
		if v, ok := e.loud(at); ok != want || ok && v != 30 {
			t.Errorf("at %v: %v dB over silence, %v", at, v, ok)
		}
	}
}
