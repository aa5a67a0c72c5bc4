package testspeaker

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/viseme"
	"livedub/media"
)

func drawingOf(t testing.TB, w, h int, seed uint64) *Drawing {
	t.Helper()
	d, err := NewDrawing(w, h, seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestDrawingDependsOnSeedAndTimeAlone(t *testing.T) {
	live := media.LiveFrames()
	a, b, other := drawingOf(t, 320, 180, 5), drawingOf(t, 320, 180, 5), drawingOf(t, 320, 180, 6)
	mouth := viseme.Shape(inference.VisemeE)
	b.Draw(9*time.Second, viseme.Shape(inference.VisemeU)).Release() // what was drawn before leaves no trace
	x, y, z := a.Draw(time.Second, mouth), b.Draw(time.Second, mouth), other.Draw(time.Second, mouth)
	later := a.Draw(2*time.Second, mouth)
	if !bytes.Equal(x.Y, y.Y) || !bytes.Equal(x.U, y.U) || !bytes.Equal(x.V, y.V) {
		t.Error("two drawings of one seed differ")
	}
	if bytes.Equal(x.Y, z.Y) {
		t.Error("two seeds draw the same")
	}
	if bytes.Equal(x.Y, later.Y) || later.PTS != 2*time.Second {
		t.Error("nothing moves in a second")
	}
	for _, f := range []*media.Frame{x, y, z, later} {
		f.Release()
	}
	if n := media.LiveFrames() - live; n != 3 { // what the drawings keep
		t.Errorf("%d frames are still held", n)
	}
}

// luma returns the mean of a rectangle given in units of the portrait, and its Cr.
func (d *Drawing) mean(f *media.Frame, r rect) (luma, cr float64) {
	n := 0.
	for y := int(d.zero.y + r.y0*d.scale); y < int(d.zero.y+r.y1*d.scale); y++ {
		for x := int(d.zero.x + r.x0*d.scale); x < int(d.zero.x+r.x1*d.scale); x++ {
			luma += float64(f.Y[y*f.YStride+x])
			cr += float64(f.V[y/2*f.UVStride+x/2])
			n++
		}
	}
	return luma / n, cr / n
}

// A detector looks for dark eyes over bright cheeks, and for lips redder and darker than skin.
func TestDrawingLooksLikeAFace(t *testing.T) {
	for seed := range uint64(8) {
		d := drawingOf(t, 400, 226, seed)
		d.motion = &motion{r: newRandom(1)} // at its middle
		f := d.Draw(0, viseme.Shape(inference.VisemeRest))
		left, _ := d.mean(f, rect{-.62, -.1, -.38, .08})
		right, _ := d.mean(f, rect{.38, -.1, .62, .08})
		cheeks, skin := d.mean(f, rect{-.7, .35, -.4, .55})
		bridge, _ := d.mean(f, rect{-.08, -.05, .08, .15})
		lips, red := d.mean(f, rect{-.2, 1.08, .2, 1.24})
		if left > cheeks-25 || right > cheeks-25 || bridge < left+20 {
			t.Errorf("seed %d: eyes %.0f and %.0f, bridge %.0f, cheeks %.0f", seed, left, right, bridge, cheeks)
		}
		if lips > cheeks-10 || red < skin+3 {
			t.Errorf("seed %d: lips %.0f, Cr %.0f, cheeks %.0f, Cr %.0f", seed, lips, red, cheeks, skin)
		}
		f.Release()
	}
}

func TestMouthFollowsItsShape(t *testing.T) {
	d := drawingOf(t, 640, 360, 0)
	d.motion = &motion{r: newRandom(1)}
	draw := func(s inference.MouthShape) *media.Frame {
		f := d.Draw(0, s)
		t.Cleanup(f.Release)
		return f
	}
	// height is how much below the upper teeth is as dark as the inside of a mouth; width how far the lips' red reaches.
	height := func(f *media.Frame) (n int) {
		for y := int(d.zero.y + 1.0*d.scale); y < int(d.zero.y+1.7*d.scale); y++ {
			if f.Y[y*f.YStride+int(d.zero.x+.12*d.scale)] < 70 {
				n++
			}
		}
		return n
	}
	width := func(f *media.Frame) (n int) {
		for x := int(d.zero.x - .7*d.scale); x < int(d.zero.x+.7*d.scale); x++ {
			dark := false
			for y := int(d.zero.y + 1.0*d.scale); y < int(d.zero.y+1.5*d.scale); y++ {
				dark = dark || f.Y[y*f.YStride+x] < 125
			}
			if dark {
				n++
			}
		}
		return n
	}
	rest, a := draw(viseme.Shape(inference.VisemeRest)), draw(viseme.Shape(inference.VisemeA))
	half := draw(inference.MouthShape{Open: .5, Wide: .5})
	if r, h, o := height(rest), height(half), height(a); r > 3 || h < 3 || o < h+2 {
		t.Errorf("dark rows: %d at rest, %d half open, %d open", r, h, o)
	}
	i, u := draw(viseme.Shape(inference.VisemeI)), draw(viseme.Shape(inference.VisemeU))
	if r, wide, narrow := width(rest), width(i), width(u); wide < r+3 || narrow > r-8 {
		t.Errorf("lips are %d wide at rest, %d for i, %d for u", r, wide, narrow)
	}
	if pressed := draw(viseme.Shape(inference.VisemePP)); bytes.Equal(pressed.Y, rest.Y) {
		t.Error("lips pressed together look like lips at rest")
	}
}

// Where Face says that eyes, lips and corners are, there they are drawn.
func TestFaceIsWhereItIsDrawn(t *testing.T) {
	for _, size := range [][2]int{{640, 360}, {1280, 720}} {
		d := drawingOf(t, size[0], size[1], 0)
		for k := range 40 {
			at := time.Duration(k) * 170 * time.Millisecond
			vowel := inference.VisemeA + inference.Viseme(k%5)
			mouth := viseme.Shape(vowel)
			f, p := d.Draw(at, mouth), d.Face(at, mouth)
			luma := func(q inference.Point, dx, dy float64) int {
				return int(f.Y[int(q.Y+dy*d.scale+.5)*f.YStride+int(q.X+dx*d.scale+.5)])
			}
			if d.motion.at(at).lid < .1 {
				for _, eye := range []inference.Point{p.LeftEye, p.RightEye} {
					if l := luma(eye, 0, 0); l > 60 {
						t.Errorf("%v at %v: a pupil has luma %d", size, at, l)
					}
				}
			}
			// Across each outer edge of the lips, and each corner, from skin to red.
			for _, c := range []struct {
				at     inference.Point
				dx, dy float64
			}{{p.UpperLip, 0, .04}, {p.LowerLip, 0, -.04}, {p.MouthLeft, .06, 0}, {p.MouthRight, -.06, 0}} {
				if out, in := luma(c.at, -c.dx, -c.dy), luma(c.at, c.dx, c.dy); in > out-8 {
					t.Errorf("%v at %v, %v: luma %d outside of the lips at %.1f, %d within", size, at, vowel, out, c.at, in)
				}
			}
			f.Release()
		}
	}
}

func TestEyesBlink(t *testing.T) {
	m := newMotion(3)
	closed, open := 0, 0
	for k := range 60 * 30 {
		p := m.at(time.Duration(k) * time.Second / 30)
		if p.lid > .9 {
			closed++
		} else if p.lid < .1 {
			open++
		}
	}
	if closed < 17 || closed > 120 || open < 1500 {
		t.Errorf("of 1800 frames the eyes are closed in %d and open in %d", closed, open)
	}
	d := drawingOf(t, 640, 360, 0)
	f := d.Draw(0, inference.MouthShape{Wide: .5})
	defer f.Release()
	d.features.eyes(eyes{lid: 1})
	iris := rect{-.56, -.06, -.44, .02}
	at := func() (sum int) {
		s := d.features.work
		for y := int(d.features.zero.y + iris.y0*d.features.scale); y < int(d.features.zero.y+iris.y1*d.features.scale); y++ {
			for x := int(d.features.zero.x + iris.x0*d.features.scale); x < int(d.features.zero.x+iris.x1*d.features.scale); x++ {
				sum += int(s.y[y*s.w+x])
			}
		}
		return sum
	}
	shut := at()
	d.features.eyes(eyes{})
	if seeing := at(); shut < 2*seeing {
		t.Errorf("where the iris is, a closed eye has luma %d, an open one %d", shut, seeing)
	}
}

func TestMotionIsGentle(t *testing.T) {
	for seed := range uint64(20) {
		m := newMotion(seed)
		last := m.at(0)
		for k := 1; k < 900; k++ {
			p := m.at(time.Duration(k) * time.Second / 30)
			for i, step := range []float64{p.dx - last.dx, p.dy - last.dy, p.roll - last.roll, p.yaw - last.yaw, p.pitch - last.pitch} {
				if step > .02 || step < -.02 {
					t.Fatalf("seed %d: movement %d jumps by %.3f at frame %d", seed, i, step, k)
				}
			}
			last = p
		}
	}
}

func TestDrawingOfAnySize(t *testing.T) {
	for _, s := range [][2]int{{64, 64}, {64, 4096}, {360, 640}, {1280, 720}, {402, 226}, {1024, 64}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			d := drawingOf(t, s[0], s[1], 1)
			for k := range 3 {
				f := d.Draw(time.Duration(k)*time.Second, viseme.Shape(inference.VisemeA))
				if f.Width != s[0] || f.Height != s[1] {
					t.Errorf("%dx%d", f.Width, f.Height)
				}
				f.Release()
			}
			// Shapes nobody should send do no harm.
			d.Draw(-time.Hour, inference.MouthShape{Open: 3, Wide: -2, Round: 5, Close: 9}).Release()
		})
	}
	for _, s := range [][2]int{{0, 0}, {-2, 360}, {641, 360}, {640, 361}, {8192, 360}} {
		if d, err := NewDrawing(s[0], s[1], 0); err == nil {
			d.Close()
			t.Errorf("%dx%d was drawn", s[0], s[1])
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, s := range [][2]int{{640, 360}, {1280, 720}} {
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) {
			d := drawingOf(b, s[0], s[1], 0)
			k := 0
			for b.Loop() {
				k++
				d.Draw(time.Duration(k)*time.Second/30, inference.MouthShape{Open: float64(k%100) / 100, Wide: .5}).Release()
			}
		})
	}
}

func BenchmarkNewDrawing(b *testing.B) {
	for b.Loop() {
		d, err := NewDrawing(640, 360, 0)
		if err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
