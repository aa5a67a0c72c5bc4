package lipseval

import (
	"math"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// face is a drawn lower face whose mouth is known; lengths in distances between the eyes.
type face struct {
	eyes          float64 // pixels
	roll          float64
	height, width float64 // of the opening, between the corners
	x, y          float64 // of the mouth
	teeth         bool
}

const (
	lipAbove, lipBelow = .11, .15
	faceW, faceH       = 200, 240
)

func (f face) line() Eyes {
	c, s := math.Cos(f.roll)*f.eyes/2, math.Sin(f.roll)*f.eyes/2
	return Eyes{inference.Point{X: faceW/2 - c, Y: 50 - s}, inference.Point{X: faceW/2 + c, Y: 50 + s}}
}

// colour returns Y, Cb, Cr at a place on the face.
func (f face) colour(x, y float64) [3]float64 {
	x, y = x-f.x, y-f.y
	u := 2 * x / f.width
	skin := [3]float64{165 - 12*x, 112, 150}
	if u <= -1 || u >= 1 {
		return skin
	}
	arch := math.Sqrt(1 - u*u)
	switch h := f.height / 2; {
	case y < -(h+lipAbove)*arch || y > (h+lipBelow)*arch:
		return skin
	case math.Abs(y) < max(h, .006)*arch && (f.height > 0 || math.Abs(u) > .3):
		if f.teeth && y < 0 && math.Abs(u) < .7 { // the corners stay dark
			return [3]float64{185, 122, 134}
		}
		return [3]float64{45, 124, 134}
	case y < 0:
		return [3]float64{110, 118, 166}
	}
	return [3]float64{130, 116, 168}
}

// draw returns the frame, every pixel averaged over 4 by 4 places.
func (f face) draw() View {
	eyes := f.line()
	fr := media.NewFrame(faceW, faceH)
	var full [3][]float64
	for i := range full {
		full[i] = make([]float64, faceW*faceH)
	}
	dx, dy := eyes.Right.X-eyes.Left.X, eyes.Right.Y-eyes.Left.Y
	d := dx*dx + dy*dy
	for py := range faceH {
		for px := range faceW {
			for k := range 16 {
				x := float64(px) + (float64(k%4)-1.5)/4 - (eyes.Left.X+eyes.Right.X)/2
				y := float64(py) + (float64(k/4)-1.5)/4 - (eyes.Left.Y+eyes.Right.Y)/2
				c := f.colour((x*dx+y*dy)/d, (y*dx-x*dy)/d)
				for i := range c {
					full[i][py*faceW+px] += c[i] / 16
				}
			}
		}
	}
	for i, v := range full[0] {
		fr.Y[i/faceW*fr.YStride+i%faceW] = byte(v + .5)
	}
	for y := 0; y < faceH; y += 2 {
		for x := 0; x < faceW; x += 2 {
			i := y*faceW + x
			fr.U[y/2*fr.UVStride+x/2] = byte((full[1][i]+full[1][i+1]+full[1][i+faceW]+full[1][i+faceW+1])/4 + .5)
			fr.V[y/2*fr.UVStride+x/2] = byte((full[2][i]+full[2][i+1]+full[2][i+faceW]+full[2][i+faceW+1])/4 + .5)
		}
	}
	return View{fr, eyes}
}

// speak returns a face with its mouth at n moments of talking.
func speak(n int, eyes float64) []face {
	var out []face
	for i := range n {
		t := float64(i)
		f := face{eyes: eyes, y: 1.15, height: max(0, .14*(1+math.Sin(t*.7))-.03), width: .75 + .08*math.Sin(t*.31), teeth: i%3 == 0}
		out = append(out, f)
	}
	return out
}

func learn(t testing.TB, faces []face) *Estimator {
	t.Helper()
	var views []View
	for _, f := range faces {
		views = append(views, f.draw())
	}
	e, err := Learn(t.Context(), views)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		v.Frame.Release()
	}
	return e
}

func (f face) read(e *Estimator) Mouth {
	v := f.draw()
	defer v.Frame.Release()
	return e.Read(v)
}

func TestReadsDrawnMouths(t *testing.T) {
	for _, eyes := range []float64{45, 90} {
		faces := speak(24, eyes)
		e := learn(t, faces)
		for i, f := range faces {
			f.roll, f.x, f.y = .2*math.Sin(float64(i)), .1*math.Cos(float64(i)), f.y+.05*math.Sin(float64(i))
			m := f.read(e)
			limit := max(.02, .8/eyes) // most of a pixel
			if d := m.Height - meanArch*f.height; f.height > .04 && math.Abs(d) > limit {
				t.Errorf("eyes %v: height %.3f of mouth %.3f", eyes, m.Height, f.height)
			}
			if f.height == 0 && m.Height > .05 {
				t.Errorf("eyes %v: height %.3f of a closed mouth", eyes, m.Height)
			}
			if math.Abs(m.Width-f.width) > .12 {
				t.Errorf("eyes %v: width %.3f of mouth %.3f", eyes, m.Width, f.width)
			}
			if want := meanArch * (f.height + lipAbove + lipBelow); math.Abs(m.Outer-want) > .04 {
				t.Errorf("eyes %v: outer height %.3f, want %.3f", eyes, m.Outer, want)
			}
			if m.Confidence < .3 {
				t.Errorf("eyes %v: confidence %.2f", eyes, m.Confidence)
			}
		}
	}
}

// meanArch is how much of a drawn mouth's height its middle columns have on average.
const meanArch = .97

// TestReadsFractionsOfPixels: what grows by a tenth of a pixel at a time is read to grow so.
func TestReadsFractionsOfPixels(t *testing.T) {
	const eyes = 80
	e := learn(t, speak(24, eyes))
	f := face{eyes: eyes, y: 1.15, width: .75}
	last := 0.0
	for i := range 30 {
		f.height = (8 + .1*float64(i)) / eyes
		h := f.read(e).Height * eyes
		if d := h - last; i > 0 && (d < -.1 || d > .35) {
			t.Errorf("from a mouth of %.1f pixels to %.1f the estimate goes from %.2f to %.2f", 7.9+.1*float64(i), 8+.1*float64(i), last, h)
		}
		last = h
	}
}

func TestLearnNeedsFrames(t *testing.T) {
	if _, err := Learn(t.Context(), nil); err == nil {
		t.Error("learned from nothing")
	}
}
