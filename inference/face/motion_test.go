package face

import (
	"math"
	"testing"
	"time"

	"livedub/inference"
)

// moves tracks a drawn face on its way and returns for each frame where its
// points are, in the face's own true measure, less where they are at rest.
func moves(t *testing.T, n int, fps float64, way func(seconds float64) drawn) (errors [][]inference.Point) {
	t.Helper()
	at := func(i int) time.Duration { return time.Duration(float64(i) / fps * 1e9) }
	look := func(n int, way func(float64) drawn) [][]inference.Point {
		w := watch(t)
		for i := range n {
			w.see(draw(480, 270, at(i), way(at(i).Seconds())))
		}
		var own [][]inference.Point
		for i, faces := range w.end() {
			if len(faces) != 1 || faces[0].ID != 1 {
				t.Fatalf("frame %d: faces %v", i, faces)
			}
			f := faces[0]
			d := way(at(i).Seconds())
			var p []inference.Point
			for _, q := range []inference.Point{f.LeftEye, f.RightEye, f.Nose, f.MouthLeft, f.MouthRight, f.UpperLip, f.LowerLip} {
				p = append(p, d.of(q))
			}
			own = append(own, p)
		}
		return own
	}
	rest := look(8, func(float64) drawn { return way(0) })[7]
	errors = look(n, way)
	for _, p := range errors {
		for k := range p {
			p[k].X -= rest[k].X
			p[k].Y -= rest[k].Y
		}
	}
	return errors
}

// TestMotion: known motion by parts of pixels is followed without lag.
func TestMotion(t *testing.T) {
	for name, way := range map[string]func(s float64) drawn{
		"slow":  func(s float64) drawn { return upright(240+7.3*s, 120+3.1*s, 40) },
		"fast":  func(s float64) drawn { return upright(140+100*s, 120, 40) },
		"swing": func(s float64) drawn { return upright(240+32*math.Sin(4*s), 120+12*math.Sin(7*s), 40) },
		"turn": func(s float64) drawn {
			d := upright(240, 120, 40)
			d.roll = .45 * math.Sin(2.5*s)
			return d
		},
		"zoom": func(s float64) drawn { return upright(240, 120, 40*math.Exp(.35*math.Sin(2*s))) },
	} {
		t.Run(name, func(t *testing.T) {
			errors := moves(t, 30, 25, way)
			var sum float64
			for i, p := range errors {
				for k, q := range p {
					e := math.Hypot(q.X, q.Y)
					sum += e / float64(len(errors)*len(p))
					if e > .09 {
						t.Errorf("frame %d: point %d is %.3f eye distances off", i, k, e)
					}
				}
			}
			if sum > .03 {
				t.Errorf("points are %.3f eye distances off on average", sum)
			}
			t.Logf("%.4f", sum)
		})
	}
}

// TestRates: the same at few and at many frames a second.
func TestRates(t *testing.T) {
	for _, fps := range []float64{10, 60} {
		errors := moves(t, int(fps), fps, func(s float64) drawn { return upright(200+32*s, 120, 40) })
		for i, p := range errors {
			if e := math.Hypot(p[0].X, p[0].Y); e > .05 {
				t.Errorf("%v fps, frame %d: an eye is %.3f eye distances off", fps, i, e)
			}
		}
	}
}

// TestMouth: the lips open and close while the head moves, and the points follow at once.
func TestMouth(t *testing.T) {
	w := watch(t)
	truth := func(i int) float64 { return .15 - .15*math.Cos(float64(i)*.6) } // 420 ms from closed to closed
	const n = 50
	for i := range n {
		d := upright(300+1.5*float64(i), 170, 60)
		d.open = truth(i)
		w.see(draw(640, 360, time.Duration(i)*40*ms, d))
	}
	var heights []float64
	for i, faces := range w.end() {
		if len(faces) != 1 {
			t.Fatalf("frame %d: %d faces", i, len(faces))
		}
		heights = append(heights, (faces[0].LowerLip.Y-faces[0].UpperLip.Y)/60)
	}
	best, lag := -1.0, 0
	for l := -3; l <= 3; l++ {
		if c := correlate(n, func(i int) (float64, float64) {
			return heights[i], truth(min(max(i-l, 0), n-1))
		}); c > best {
			best, lag = c, l
		}
	}
	if best < .9 || lag != 0 {
		t.Errorf("the lips' distance follows the mouth at %.2f with a lag of %d frames", best, lag)
	}
}

func correlate(n int, at func(i int) (x, y float64)) float64 {
	var sx, sy, xx, yy, xy float64
	for i := range n {
		x, y := at(i)
		sx, sy, xx, yy, xy = sx+x, sy+y, xx+x*x, yy+y*y, xy+x*y
	}
	m := float64(n)
	return (xy - sx*sy/m) / math.Sqrt((xx-sx*sx/m)*(yy-sy*sy/m))
}

// TestLeave: a face that leaves is gone within the time that one is believed, and found when it returns.
func TestLeave(t *testing.T) {
	w := watch(t)
	here, away := draw(640, 360, 0, upright(320, 170, 50)), draw(640, 360, 0)
	defer here.Release()
	defer away.Release()
	for i := range 75 {
		f := here
		if i >= 25 && i < 50 {
			f = away
		}
		w.see(again(f, time.Duration(i)*40*ms))
	}
	for i, faces := range w.end() {
		switch {
		case i < 25 && (len(faces) != 1 || faces[0].ID != 1), i >= 25 && i < 50 && len(faces) > 0, i > 62 && len(faces) != 1:
			t.Errorf("frame %d: %v", i, faces)
		}
	}
}

// TestCut: another face in another place, at once and under another id.
func TestCut(t *testing.T) {
	w := watch(t)
	first, second := draw(640, 360, 0, upright(200, 150, 60)), draw(640, 360, 0, upright(420, 190, 75))
	defer first.Release()
	defer second.Release()
	for i := range second.Y {
		second.Y[i] = byte(min(max(int(second.Y[i])+60*(i%640)/640-60*(i/640)/360, 16), 235))
	}
	for i := range 30 {
		f := first
		if i >= 15 {
			f = second
		}
		w.see(again(f, time.Duration(i)*40*ms))
	}
	for i, faces := range w.end() {
		id, d := 1, upright(200, 150, 60)
		if i >= 15 {
			id, d = 2, upright(420, 190, 75)
		}
		if len(faces) != 1 || faces[0].ID != id {
			t.Fatalf("frame %d: %v", i, faces)
		}
		checkPlace(t, faces[0], d, .05)
	}
}

// TestResize: the frame's size changes in mid-call.
func TestResize(t *testing.T) {
	w := watch(t)
	for i := range 20 {
		width, height := 480, 270
		if i >= 10 {
			width, height = 1280, 720
		}
		k := float64(width) / 480
		w.see(draw(width, height, time.Duration(i)*40*ms, upright(240*k, 130*k, 40*k)))
	}
	for i, faces := range w.end() {
		if len(faces) != 1 || faces[0].ID != 1+i/10 {
			t.Fatalf("frame %d: %v", i, faces)
		}
	}
}

// TestBorder: a face leaves through each edge of the frame, slowly; points never fly.
func TestBorder(t *testing.T) {
	for _, v := range [][2]float64{{-6, 0}, {6, 0}, {0, -4}, {0, 4}} {
		w := watch(t)
		var ways []drawn
		for i := range 60 {
			d := upright(320+v[0]*float64(i), 180+v[1]*float64(i), 55)
			ways = append(ways, d)
			w.see(draw(640, 360, time.Duration(i)*40*ms, d))
		}
		for i, faces := range w.end() {
			for _, f := range faces {
				if f.Confidence > .5 {
					checkPlace(t, f, ways[i], .15)
				}
			}
		}
	}
}

// TestDark: whatever is seen in little light stands where it should.
func TestDark(t *testing.T) {
	for _, dark := range []float64{.5, .8, .9, .97} {
		d := upright(320, 170, 60)
		d.dark = dark
		f := draw(640, 360, 0, d)
		w := watch(t)
		for i := range 8 {
			w.see(again(f, time.Duration(i)*40*ms))
		}
		f.Release()
		for _, faces := range w.end() {
			for _, face := range faces {
				checkPlace(t, face, d, .2)
			}
			if dark < .85 && len(faces) != 1 {
				t.Errorf("%v dark: %d faces", dark, len(faces))
			}
		}
	}
}
