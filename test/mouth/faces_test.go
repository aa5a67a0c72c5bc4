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

// each runs a test on a drawn speaker and on a recorded one.
func each(t *testing.T, test func(t *testing.T, s *speaker)) {
	t.Run("drawn", func(t *testing.T) { test(t, drawn(t, 0)) })
	t.Run("clip", func(t *testing.T) {
		if testing.Short() {
			t.Skip("-short: the drawn speaker only")
		}
		test(t, clip(t, "grid__bbaf2n"))
	})
}

// count counts what was shown from frame from on, before frame to.
type count struct{ from, to, all, own, warp, touched int }

func (k *count) see(s shown) {
	if s.n < k.from || k.to > 0 && s.n >= k.to {
		return
	}
	k.all++
	switch s.method {
	case inference.Own:
		k.own++
	case inference.Warp:
		k.warp++
	}
	if s.changed > 0 {
		k.touched++
	}
}

func (k *count) String() string {
	return fmt.Sprintf("%d own, %d warp of %d", k.own, k.warp, k.all)
}

func TestNoFace(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for name, make := range map[string]func(i int, at time.Duration) *media.Frame{
		"a wall": func(_ int, at time.Duration) *media.Frame { return blank(480, 270, at) },
		"noise": func(_ int, at time.Duration) *media.Frame {
			f := blank(480, 270, at)
			noise(f, image.Rect(0, 0, 480, 270), 2, rng)
			return f
		},
		"blocks": func(i int, at time.Duration) *media.Frame {
			f := blank(480, 270, at)
			noise(f, image.Rect(0, 0, 480, 270), 8+8*(i%4), rng)
			return f
		},
		"white": func(_ int, at time.Duration) *media.Frame {
			f := blank(480, 270, at)
			fill(f.Y, 255)
			return f
		},
		"tiny": func(i int, at time.Duration) *media.Frame { return blank(16+2*i, 16, at) },
	} {
		t.Run(name, func(t *testing.T) {
			c := begin(t, nil)
			for i := range 25 {
				c.take(make(i, time.Duration(i)*tick), nil)
			}
			c.end()
		})
	}
}

func TestFaceLeavesAndReturns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *speaker) {
		const w, h, gone, back, still = 400, 240, 60, 80, 96
		before, after := count{from: warm, to: 46}, count{from: still + 12}
		look := newSheet(t)
		c := begin(t, func(p shown) {
			before.see(p)
			after.see(p)
			if p.n >= 46 && p.n%6 == 0 {
				look.add(p, image.Rectangle{})
			}
		})
		for i := range still + 20 {
			f, face := s.at(i)
			p := at(face, 200, 110, 50)
			switch { // out by the right border, back by it
			case i >= gone && i < back:
				c.take(blank(w, h, time.Duration(i)*tick), nil)
				continue
			case i >= 46 && i < gone:
				p.x += float64(i-45) * 22
			case i >= back && i < still:
				p.x += float64(still-i) * 19
			}
			truth := p.face(face)
			c.take(sized(f, w, h, p, time.Duration(i)*tick), &truth)
		}
		c.end()
		if before.own != before.all || after.own != after.all {
			t.Errorf("before: %v; after: %v", &before, &after)
		}
	})
}

func TestSeveralFaces(t *testing.T) {
	t.Parallel()
	const w, h = 640, 360
	for _, n := range []int{2, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			largest := count{from: warm}
			look := newSheet(t)
			c := begin(t, func(p shown) {
				largest.see(p)
				if p.n > 0 && p.n%16 == 0 {
					look.add(p, image.Rectangle{})
				}
			})
			who := make([]*speaker, n)
			for k := range who {
				who[k] = drawn(t, uint64(k))
			}
			for i := range warm + 12 {
				f := blank(w, h, time.Duration(i)*tick)
				var truth inference.Face
				for k, s := range who {
					src, face := s.at(i + 13*k)
					p := at(face, 110+float64(k%3)*210, 70+float64(k/3)*185, []float64{40, 48, 36, 34, 42}[k])
					paste(f, src, p, &face)
					if k == 1 {
						truth = p.face(face)
					}
				}
				c.take(f, &truth)
			}
			c.end()
			if largest.own != largest.all {
				t.Errorf("the largest face: %v", &largest)
			}
		})
	}
}

// TestBorder shows faces of which a border cuts something off. While the mouth
// is not wholly in the frame it stays as it is.
func TestBorder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *speaker) {
		const w, h, eyes = 360, 270, 56
		look := newSheet(t)
		c := begin(t, func(p shown) {
			at := mouthOf(*p.truth)
			cut := at.X < .55*eyes || at.X > w-.55*eyes || at.Y < .3*eyes || at.Y > h-.35*eyes
			if cut && p.changed > 0 {
				t.Errorf("frame %d: a mouth at %.0f,%.0f of %dx%d was made", p.n, at.X, at.Y, w, h)
				look.add(p, image.Rectangle{})
			}
			if p.n > warm && p.n%12 == 6 {
				look.add(p, image.Rectangle{})
			}
		})
		for i := range warm + 96 {
			f, face := s.at(i)
			x, y := 180.0, 105.0
			if k := i - warm; k >= 0 { // to each border and back
				far := 1.4 * (1 - math.Abs(float64(k%24)-12)/12)
				switch k / 24 {
				case 0:
					x -= far * 150
				case 1:
					x += far * 150
				case 2:
					y -= far * 150
				case 3:
					y += far * 130
				}
			}
			p := at(face, x, y, eyes)
			truth := p.face(face)
			c.take(sized(f, w, h, p, time.Duration(i)*tick), &truth)
		}
		c.end()
	})
}

// TestSizes shows faces from far to near.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, eyes := range []float64{18, 26, 34, 120, 400, 500} {
		t.Run(fmt.Sprint(eyes), func(t *testing.T) {
			w, h, n := 240, 240, warm+5
			if eyes > 60 {
				w, h, n = int(2.3*eyes)&^1, int(3*eyes)&^1, 28
			}
			each(t, func(t *testing.T, s *speaker) {
				if testing.Short() && eyes > 120 {
					t.Skip("-short: large faces take long")
				}
				if eyes > 400 && s != drawn(t, 0) {
					t.Skip("the drawn speaker is enough: a recording enlarged as far shows nothing new")
				}
				good := count{from: n - 3}
				look := newSheet(t)
				c := begin(t, func(p shown) {
					good.see(p)
					if p.n >= n-3 {
						m := mouthOf(*p.truth)
						r := int(max(1.3*eyes, 20))
						look.add(p, image.Rect(int(m.X)-r, int(m.Y)-r, int(m.X)+r, int(m.Y)+r).Intersect(image.Rect(0, 0, w, h)))
					}
				})
				for i := range n {
					f, face := s.at(2 * i) // soon seen whole
					p := at(face, float64(w)/2, .36*float64(h), eyes)
					truth := p.face(face)
					c.take(sized(f, w, h, p, time.Duration(i)*tick), &truth)
				}
				c.end()
				t.Logf("%v", &good)
				switch {
				case (eyes <= 18 || eyes > 500) && good.touched > 0:
					t.Errorf("%v", &good)
				case eyes >= 34 && eyes <= 400 && (good.touched < good.all || s == drawn(t, 0) && good.own < good.all):
					t.Errorf("%v", &good)
				}
			})
		})
	}
}

func TestUpsideDown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *speaker) {
		c := begin(t, nil)
		for i := range 30 {
			f, face := s.at(i)
			p := at(face, 180, 120, 56)
			p.turn = math.Pi
			p.x, p.y = 360-p.x, 270-p.y
			c.take(sized(f, 360, 270, p, time.Duration(i)*tick), nil)
		}
		c.end()
	})
}
