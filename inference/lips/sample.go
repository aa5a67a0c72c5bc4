package lips

import "math"

// plane is one plane of a frame: rows of stride bytes.
type plane struct {
	b      []byte
	stride int
	w, h   int
}

// linear reads the plane between pixels; beyond the border the border goes on.
func (p plane) linear(x, y float64) float32 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	u, v := float32(x-fx), float32(y-fy)
	if ix < 0 || iy < 0 || ix >= p.w-1 || iy >= p.h-1 {
		x0, x1 := clamp(ix, 0, p.w-1), clamp(ix+1, 0, p.w-1)
		y0, y1 := clamp(iy, 0, p.h-1)*p.stride, clamp(iy+1, 0, p.h-1)*p.stride
		return mix(mix(float32(p.b[y0+x0]), float32(p.b[y0+x1]), u), mix(float32(p.b[y1+x0]), float32(p.b[y1+x1]), u), v)
	}
	return p.between(iy*p.stride+ix, u, v)
}

// between reads between the pixels at index i, right of it and below both.
func (p plane) between(i int, x, y float32) float32 {
	a, b := p.b[i:i+2:i+2], p.b[i+p.stride:i+p.stride+2]
	return mix(mix(float32(a[0]), float32(a[1]), x), mix(float32(b[0]), float32(b[1]), x), y)
}

// phases is how finely cubic divides a pixel.
const phases = 64

// weights are those of the Catmull-Rom spline by phase; they keep edges sharp
// where linear interpolation would soften them.
var weights = func() (w [phases + 1][4]float32) {
	for i := range w {
		t := float32(i) / phases
		w[i] = [4]float32{
			t * (-.5 + t*(1-.5*t)),
			1 + t*t*(-2.5+1.5*t),
			t * (.5 + t*(2-1.5*t)),
			t * t * (-.5 + .5*t),
		}
	}
	return w
}()

// cubic reads the plane between pixels by Catmull-Rom splines.
func (p plane) cubic(x, y float32) float32 {
	ix, iy := int(x), int(y)
	if ix < 1 || iy < 1 || ix >= p.w-2 || iy >= p.h-2 {
		return p.linear(float64(x), float64(y))
	}
	wx, wy := &weights[int((x-float32(ix))*phases+.5)], &weights[int((y-float32(iy))*phases+.5)]
	o := (iy-1)*p.stride + ix - 1
	var sum float32
	for k := range 4 {
		r := p.b[o : o+4 : o+4]
		sum += wy[k] * (wx[0]*float32(r[0]) + wx[1]*float32(r[1]) + wx[2]*float32(r[2]) + wx[3]*float32(r[3]))
		o += p.stride
	}
	return sum
}

// cubicDown is cubic within a column of pixels.
func (p plane) cubicDown(x int, y float32) float32 {
	iy := int(y)
	if x < 0 || iy < 1 || x >= p.w || iy >= p.h-2 {
		return p.linear(float64(x), float64(y))
	}
	w := &weights[int((y-float32(iy))*phases+.5)]
	b := p.b[(iy-1)*p.stride+x:]
	return w[0]*float32(b[0]) + w[1]*float32(b[p.stride]) + w[2]*float32(b[2*p.stride]) + w[3]*float32(b[3*p.stride])
}

func clamp(v, lo, hi int) int { return min(max(v, lo), hi) }

func mix(a, b, t float32) float32 { return a + (b-a)*t }

// pixel rounds to a byte.
func pixel(v float32) byte { return byte(min(max(v+.5, 0), 255)) }
