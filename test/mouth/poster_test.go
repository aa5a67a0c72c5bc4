package mouth

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// TestPoster shows a speaker before a poster with a face, which has the
// speaker's whole attention, but never talks.
func TestPoster(t *testing.T) {
	t.Parallel()
	for _, larger := range []float64{.7, 1.6} {
		t.Run(fmt.Sprint(larger), func(t *testing.T) {
			for name, who := range map[string]func(t *testing.T) [2]*speaker{
				"drawn": func(t *testing.T) [2]*speaker { return [2]*speaker{drawn(t, 0), drawn(t, 4)} },
				"clip":  func(t *testing.T) [2]*speaker { return [2]*speaker{clip(t, "grid__bbaf2n"), clip(t, "grid__lbax4n")} },
			} {
				t.Run(name, func(t *testing.T) {
					if larger < 1 && name == "clip" {
						t.Skip("the drawn speakers are enough for a smaller poster")
					}
					const w, h, first = 420, 240, 56
					people := who(t)
					rng := rand.New(rand.NewPCG(5, 6))
					look := newSheet(t)
					var own count
					own.from = first
					c := begin(t, func(p shown) {
						own.see(p)
						if p.n >= first && p.n%10 == 0 {
							look.add(p, image.Rectangle{})
						}
					})
					for i := range first + 12 {
						f := blank(w, h, time.Duration(i)*tick)
						still, face := people[1].at(7)
						paste(f, still, at(face, 310, 80, 44*larger), &face)
						src, face := people[0].at(i)
						p := at(face, 100, 90, 44)
						paste(f, src, p, &face)
						for k := range f.Y { // a camera's grain
							f.Y[k] = byte(max(0, min(255, int(f.Y[k])+rng.IntN(5)-2)))
						}
						truth := &[]inference.Face{p.face(face)}[0]
						if i < first-8 { // whoever it is: nobody moved yet
							truth = nil
						}
						c.takeSome(f, truth, i < first-8)
					}
					c.end()
					if own.own < own.all {
						t.Errorf("%v", &own)
					}
				})
			}
		})
	}
}

// TestTurnedAway turns a head to a profile and back.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *speaker) {
		look := newSheet(t)
		back := count{from: warm + 52}
		c := begin(t, func(p shown) {
			back.see(p)
			if p.n >= warm && p.n%5 == 0 {
				look.add(p, image.Rectangle{})
			}
			if k := p.n - warm; k >= 17 && k < 30 && p.changed > 0 {
				t.Errorf("frame %d: a mouth was made in a profile", p.n)
			}
		})
		for i := range warm + 58 {
			f, face := plain(s, i, time.Duration(i)*tick)
			yaw := 1.4 * min(max(0, 1-math.Abs(float64(i-warm-23))/20)*1.6, 1)
			truth := face
			f = turned(f, &truth, yaw)
			c.take(f, &truth)
		}
		c.end()
		if back.own < back.all {
			t.Errorf("back: %v", &back)
		}
	})
}

// turned turns a head as if it were painted on an upright cylinder. It takes over f.
func turned(f *media.Frame, face *inference.Face, yaw float64) *media.Frame {
	if yaw == 0 {
		return f
	}
	defer f.Release()
	r, mid := 1.25*apart(*face), face.Center.X
	out := f.Clone()
	from := func(x float64) (float64, bool) {
		s := (x - mid) / r
		if math.Abs(s) >= 1 {
			return 0, false
		}
		a := math.Asin(s) - yaw
		return mid + r*math.Sin(a), math.Abs(a) < math.Pi/2
	}
	for x := range f.Width {
		u, ok := from(float64(x))
		for y := range f.Height {
			if d := math.Abs(float64(x) - mid); d >= r || d < r && !ok { // nothing, or the back of the head
				if d < r {
					out.Y[y*out.YStride+x] = 40
					out.U[y/2*out.UVStride+x/2], out.V[y/2*out.UVStride+x/2] = 124, 132
				}
				continue
			}
			out.Y[y*out.YStride+x] = byte(linear(f.Y, f.YStride, f.Width, f.Height, u, float64(y)) + .5)
			out.U[y/2*out.UVStride+x/2] = f.U[y/2*f.UVStride+int(u)/2]
			out.V[y/2*out.UVStride+x/2] = f.V[y/2*f.UVStride+int(u)/2]
		}
	}
	for _, q := range []*inference.Point{&face.LeftEye, &face.RightEye, &face.MouthLeft, &face.MouthRight, &face.UpperLip, &face.LowerLip, &face.Nose} {
		q.X = mid + r*math.Sin(math.Asin(min(max((q.X-mid)/r, -1), 1))+yaw)
	}
	return out
}

// TestCartoon shows a face drawn flat: a disc, two eyes, a line of a mouth that opens.
func TestCartoon(t *testing.T) {
	t.Parallel()
	look := newSheet(t)
	var all count
	c := begin(t, func(p shown) {
		all.see(p)
		if p.n%10 == 9 {
			look.add(p, image.Rectangle{})
		}
	})
	for i := range 60 {
		open := 6 + 10*math.Abs(math.Sin(float64(i)*.5))
		f := blank(320, 240, time.Duration(i)*tick)
		disc := func(x, y, rx, ry float64, luma, u, v byte) {
			for py := range f.Height {
				for px := range f.Width {
					if dx, dy := (float64(px)-x)/rx, (float64(py)-y)/ry; dx*dx+dy*dy < 1 {
						f.Y[py*f.YStride+px] = luma
						f.U[py/2*f.UVStride+px/2], f.V[py/2*f.UVStride+px/2] = u, v
					}
				}
			}
		}
		disc(160, 120, 80, 95, 200, 70, 145) // yellow
		for _, side := range []float64{-1, 1} {
			disc(160+side*30, 95, 15, 18, 235, 128, 128)
			disc(160+side*30, 98, 7, 8, 20, 128, 128)
			disc(160+side*30, 70, 16, 3, 40, 128, 128)
		}
		disc(160, 125, 6, 9, 160, 80, 150)
		disc(160, 165, 30, open, 60, 110, 190)
		disc(160, 165, 26, open-5, 25, 125, 135)
		truth := inference.Face{LeftEye: inference.Point{X: 130, Y: 96}, RightEye: inference.Point{X: 190, Y: 96},
			MouthLeft: inference.Point{X: 130, Y: 165}, MouthRight: inference.Point{X: 190, Y: 165},
			UpperLip: inference.Point{X: 160, Y: 165 - open}, LowerLip: inference.Point{X: 160, Y: 165 + open}}
		c.take(f, &truth)
	}
	c.end()
	t.Logf("%v", &all)
}
