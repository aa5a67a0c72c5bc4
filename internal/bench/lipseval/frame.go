package lipseval

import (
	"bytes"
	"image"
	"math"

	"livedub/media"
)

// Shift returns a copy of f moved to the right and down by the same part of a
// pixel, 0..1, by linear interpolation. The caller holds its only reference.
func Shift(f *media.Frame, by float64) *media.Frame {
	out := f.Clone()
	shift := func(dst, src []byte, stride, dstStride, w, h int, by float64) {
		p := plane{src, stride, w, h}
		for y := range h {
			for x := range w {
				dst[y*dstStride+x] = byte(p.at(float64(x)-by, float64(y)-by) + .5)
			}
		}
	}
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	shift(out.Y, f.Y, f.YStride, out.YStride, f.Width, f.Height, by)
	shift(out.U, f.U, f.UVStride, out.UVStride, cw, ch, by/2)
	shift(out.V, f.V, f.UVStride, out.UVStride, cw, ch, by/2)
	return out
}

// ChangedOutside returns how many samples of all planes differ between two
// frames of one size outside of box; a chroma sample is inside where any of its luma is.
func ChangedOutside(a, b *media.Frame, box image.Rectangle) int {
	n := count(a.Y, b.Y, a.YStride, b.YStride, a.Width, a.Height, box)
	half := image.Rect(box.Min.X/2, box.Min.Y/2, (box.Max.X+1)/2, (box.Max.Y+1)/2)
	n += count(a.U, b.U, a.UVStride, b.UVStride, (a.Width+1)/2, (a.Height+1)/2, half)
	return n + count(a.V, b.V, a.UVStride, b.UVStride, (a.Width+1)/2, (a.Height+1)/2, half)
}

func count(a, b []byte, as, bs, w, h int, box image.Rectangle) int {
	box = box.Intersect(image.Rect(0, 0, w, h))
	n := 0
	diff := func(a, b []byte) {
		if bytes.Equal(a, b) {
			return
		}
		for i := range a {
			if a[i] != b[i] {
				n++
			}
		}
	}
	for y := range h {
		ra, rb := a[y*as:y*as+w], b[y*bs:y*bs+w]
		if y < box.Min.Y || y >= box.Max.Y {
			diff(ra, rb)
			continue
		}
		diff(ra[:box.Min.X], rb[:box.Min.X])
		diff(ra[box.Max.X:], rb[box.Max.X:])
	}
	return n
}

// Distortion gathers the squared error between pairs of frames.
type Distortion struct{ sum, n [3]float64 }

// Add adds what lies in box.
func (d *Distortion) Add(a, b *media.Frame, box image.Rectangle) {
	box = box.Intersect(image.Rect(0, 0, a.Width, a.Height))
	half := image.Rect(box.Min.X/2, box.Min.Y/2, (box.Max.X+1)/2, (box.Max.Y+1)/2)
	add := func(i int, a, b []byte, as, bs int, box image.Rectangle) {
		for y := box.Min.Y; y < box.Max.Y; y++ {
			for x := box.Min.X; x < box.Max.X; x++ {
				e := float64(a[y*as+x]) - float64(b[y*bs+x])
				d.sum[i] += e * e
			}
		}
		d.n[i] += float64(box.Dx() * box.Dy())
	}
	add(0, a.Y, b.Y, a.YStride, b.YStride, box)
	add(1, a.U, b.U, a.UVStride, b.UVStride, half)
	add(2, a.V, b.V, a.UVStride, b.UVStride, half)
}

// PSNR returns the peak signal-to-noise ratio in dB of all that was added: luma
// and both chroma planes weighted 6:1:1, each at most 100. NaN where nothing was.
func (d *Distortion) PSNR() float64 {
	if d.n[0] == 0 {
		return math.NaN()
	}
	var p [3]float64
	for i := range p {
		p[i] = min(100, 10*math.Log10(255*255*d.n[i]/max(d.sum[i], 1e-9)))
	}
	return (6*p[0] + p[1] + p[2]) / 8
}

// SSIM returns the structural similarity of luma in box, -1..1: the mean over
// all Gaussian windows of 11 by 11 pixels (sigma 1.5) that lie in it. NaN where none does.
func SSIM(a, b *media.Frame, box image.Rectangle) float64 {
	const radius = 5
	box = box.Intersect(image.Rect(0, 0, a.Width, a.Height))
	w, h := box.Dx(), box.Dy()
	if w <= 2*radius || h <= 2*radius {
		return math.NaN()
	}
	var kernel [2*radius + 1]float64
	var total float64
	for i := range kernel {
		d := float64(i - radius)
		kernel[i] = math.Exp(-d * d / (2 * 1.5 * 1.5))
		total += kernel[i]
	}
	for i := range kernel {
		kernel[i] /= total
	}
	// Per window the means of a, b, aa, bb and ab; rows first, then columns.
	cols := w - 2*radius
	part := make([][5]float64, cols*h)
	for y := range h {
		ra := a.Y[(box.Min.Y+y)*a.YStride+box.Min.X:]
		rb := b.Y[(box.Min.Y+y)*b.YStride+box.Min.X:]
		for x := range cols {
			s := &part[y*cols+x]
			for i, k := range kernel {
				p, q := float64(ra[x+i]), float64(rb[x+i])
				s[0] += k * p
				s[1] += k * q
				s[2] += k * p * p
				s[3] += k * q * q
				s[4] += k * p * q
			}
		}
	}
	const c1, c2 = (.01 * 255) * (.01 * 255), (.03 * 255) * (.03 * 255)
	var sum float64
	for y := range h - 2*radius {
		for x := range cols {
			var m [5]float64
			for i, k := range kernel {
				s := &part[(y+i)*cols+x]
				for j := range m {
					m[j] += k * s[j]
				}
			}
			va, vb, cov := m[2]-m[0]*m[0], m[3]-m[1]*m[1], m[4]-m[0]*m[1]
			sum += (2*m[0]*m[1] + c1) * (2*cov + c2) / ((m[0]*m[0] + m[1]*m[1] + c1) * (va + vb + c2))
		}
	}
	return sum / float64(cols*(h-2*radius))
}
