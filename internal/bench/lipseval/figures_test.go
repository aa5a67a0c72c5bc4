package lipseval

import (
	"image"
	"math"
	"testing"

	"livedub/media"
)

func about(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: %.4f, want %.4f within %g", what, got, want, within)
	}
}

func wave(n int, phase float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		x := float64(i) - phase
		v[i] = math.Sin(x*.37) + .6*math.Sin(x*.91)
	}
	return v
}

func TestCorrelationAndLag(t *testing.T) {
	a := wave(200, 0)
	about(t, "of itself", Correlation(a, a), 1, 1e-9)
	b := make([]float64, len(a))
	for i := range a {
		b[i] = 3 - 2*a[i]
	}
	about(t, "of its mirror image", Correlation(a, b), -1, 1e-9)
	about(t, "of a flat line", Correlation(a, make([]float64, len(a))), 0, 0)
	for _, lag := range []int{-5, -2, 0, 1, 4} {
		c, l := BestLag(a, wave(200, float64(lag)), 5)
		about(t, "at the best lag", c, 1, 1e-9)
		if l != lag {
			t.Errorf("lag %d, want %d", l, lag)
		}
	}
	a[7], b[9] = math.NaN(), math.NaN()
	about(t, "with holes", Correlation(a, b), -1, 1e-9)
	if c, lag := BestLag(nil, nil, 5); c != -1 || lag != 0 {
		t.Errorf("of nothing: %v at %d", c, lag)
	}
}

func TestErrorsAndClosure(t *testing.T) {
	nan := math.NaN()
	about(t, "mean error", MeanError([]float64{1, 2, nan, 4}, []float64{1.5, 2, 3, nan}), .25, 1e-9)
	v := []float64{.2, .2, .03, .2, .2, .2, .2, .01, .2, nan}
	about(t, "closure", Closure([]int{1, 2, 3, 5, 9, 20, -1}, v, .05), .75, 1e-9)
	if !math.IsNaN(Closure(nil, v, .05)) || !math.IsNaN(MeanError(nil, nil)) {
		t.Error("a share of nothing is a number")
	}
	about(t, "quantile", Quantile([]float64{3, nan, 1, 2}, .5), 2, 0)
	about(t, "quantile between", Quantile([]float64{1, 2}, .25), 1.25, 1e-9)
	var h []float64
	for i := range 101 {
		h = append(h, .02+.003*float64(i))
	}
	about(t, "closed below", ClosedBelow(h, .001), .035+.2*.27, 1e-6)
	about(t, "closed below in noise", ClosedBelow(h, .05), .035+.15, 1e-6)
	c, noise := Reliability([]float64{1, 2, 3}, []float64{1.1, 1.9, 3.1})
	about(t, "noise", noise, .1, 1e-9)
	if c < .98 {
		t.Errorf("reliability %v", c)
	}
}

// texture is a frame of smooth waves.
func texture(w, h int) *media.Frame {
	f := media.NewFrame(w, h)
	for y := range h {
		for x := range w {
			f.Y[y*f.YStride+x] = byte(128 + 60*math.Sin(float64(x)*1.1)*math.Cos(float64(y)*.9))
		}
	}
	for i := range f.U {
		f.U[i], f.V[i] = 120, 140
	}
	return f
}

func TestDistortion(t *testing.T) {
	a := texture(64, 48)
	defer a.Release()
	b := a.Clone()
	defer b.Release()
	box := image.Rect(8, 8, 40, 40)
	for y := 8; y < 40; y++ {
		for x := 8; x < 40; x++ {
			b.Y[y*b.YStride+x] += byte(4 * ((x + y) % 2)) // mean square 8
		}
	}
	var d Distortion
	if !math.IsNaN(d.PSNR()) {
		t.Error("PSNR of nothing is a number")
	}
	d.Add(a, b, box)
	about(t, "PSNR", d.PSNR(), (6*10*math.Log10(255*255/8.)+200)/8, 1e-6)
	about(t, "SSIM of the same", SSIM(a, a, box), 1, 1e-9)
	if s := SSIM(a, b, box); s >= .999 || s < .8 {
		t.Errorf("SSIM of a little noise %v", s)
	}
	if !math.IsNaN(SSIM(a, b, image.Rect(0, 0, 10, 40))) {
		t.Error("SSIM of less than a window is a number")
	}
	if n := ChangedOutside(a, b, box); n != 0 {
		t.Errorf("%d samples changed outside", n)
	}
	b.Y[0]++
	b.V[len(b.V)-1]++
	b.Y[8*b.YStride+50]++
	if n := ChangedOutside(a, b, box); n != 3 {
		t.Errorf("%d samples changed outside, want 3", n)
	}
}

func TestShift(t *testing.T) {
	a := texture(64, 48)
	defer a.Release()
	b := Shift(a, .5)
	defer b.Release()
	want := (int(a.Y[10*a.YStride+10]) + int(a.Y[10*a.YStride+9]) + int(a.Y[9*a.YStride+10]) + int(a.Y[9*a.YStride+9])) / 4
	about(t, "moved", float64(b.Y[10*b.YStride+10]), float64(want), 1)
}

// disc returns a copy of f with what is in a disc changed.
func disc(f *media.Frame, change func(v byte, x, y int) byte) *media.Frame {
	g := f.Clone()
	for y := range f.Height {
		for x := range f.Width {
			if (x-60)*(x-60)+(y-50)*(y-50) < 30*30 {
				g.Y[y*g.YStride+x] = change(g.Y[y*g.YStride+x], x, y)
			}
		}
	}
	return g
}

func TestRegion(t *testing.T) {
	a := texture(120, 100)
	defer a.Release()
	all := image.Rect(0, 0, 120, 100)
	tint := disc(a, func(v byte, _, _ int) byte { return v + 20 })
	defer tint.Release()
	r := Changed(a, tint, all)
	if r.Box != image.Rect(31, 21, 90, 80) {
		t.Errorf("changed in %v", r.Box)
	}
	if s := r.Seam(tint, 3) / r.Seam(a, 3); s < 1.3 {
		t.Errorf("a tint's seam is %v of the source's", s)
	}
	about(t, "sharpness of a tint", r.Sharpness(tint)/r.Sharpness(a), 1.2, .2) // its edge adds some
	soft := disc(a, func(v byte, x, y int) byte { return byte((int(v) + 128 + 1) / 2) })
	defer soft.Release()
	if s := Changed(a, soft, all).Sharpness(soft) / Changed(a, soft, all).Sharpness(a); s > .5 {
		t.Errorf("sharpness of half the contrast %v", s)
	}
	if empty := Changed(a, a, all); empty.Sharpness(a) != 0 || empty.Seam(a, 2) != 0 || empty.Flicker(a, a, 2) != 0 || !empty.Box.Empty() {
		t.Errorf("nothing changed in %+v", empty)
	}
	grain := func(seed int) *media.Frame {
		return disc(a, func(v byte, x, y int) byte { return v + byte((x*7+y*13+seed*x*y)%5) })
	}
	g, h := grain(1), grain(2)
	defer g.Release()
	defer h.Release()
	r = Changed(a, g, all)
	if still, noisy := r.Flicker(g, g, 3), r.Flicker(g, h, 3); still != 0 || noisy < 100 {
		t.Errorf("flicker %v of one frame, %v of two grains", still, noisy)
	}
}
