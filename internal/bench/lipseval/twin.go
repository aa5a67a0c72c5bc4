package lipseval

import (
	"image"
	"math"

	"livedub/media"
)

// MouthBox returns the pixels around a mouth of v: lips, and what moves with them the most.
func MouthBox(v View, m Mouth) image.Rectangle {
	d := v.Eyes.Distance()
	x, y := (m.Corners[0].X+m.Corners[1].X)/2, (m.Corners[0].Y+m.Corners[1].Y)/2
	box := image.Rect(int(x-.5*d), int(y-.3*d), int(x+.5*d), int(y+.35*d))
	return box.Intersect(image.Rect(0, 0, v.Frame.Width, v.Frame.Height))
}

// TwinSSIM returns how alike two frames of one speaker are in a box of the first,
// -1..1, once the second is laid over it: by the eyes, then moved to where its luma
// fits best, at most reach distances between the eyes, and made as light. NaN where the
// box is too small. It tells what another take of the same mouth can reach at best.
func TwinSSIM(v, other View, box image.Rectangle) float64 {
	const reach = .08
	if box.Empty() {
		return math.NaN()
	}
	t := twin{v, other, box, plane{other.Frame.Y, other.Frame.YStride, other.Frame.Width, other.Frame.Height}}
	var at [2]float64
	for step := max(1, reach*v.Eyes.Distance()/3); step >= .25; step /= 2 {
		least, best := math.Inf(1), at
		far := 1
		if at == [2]float64{} {
			far = 3
		}
		for y := -far; y <= far; y++ {
			for x := -far; x <= far; x++ {
				to := [2]float64{at[0] + float64(x)*step, at[1] + float64(y)*step}
				if d := t.apart(to, 3); d < least {
					least, best = d, to
				}
			}
		}
		at = best
	}
	made := media.NewFrame(v.Frame.Width, v.Frame.Height)
	defer made.Release()
	lift := t.lift(at, 1)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			made.Y[y*made.YStride+x] = byte(min(max(t.at(x, y, at)+lift, 0), 255) + .5)
		}
	}
	return SSIM(v.Frame, made, box)
}

// twin is a frame to be laid over another.
type twin struct {
	v, other View
	box      image.Rectangle
	luma     plane
}

// at returns the other's luma where x, y of the first is, moved by some pixels.
func (t *twin) at(x, y int, by [2]float64) float64 {
	return t.luma.at(t.other.Eyes.at(t.v.Eyes.in(float64(x)+by[0], float64(y)+by[1])))
}

// each calls do with the luma of both at every so many pixels.
func (t *twin) each(by [2]float64, every int, do func(a, b float64)) {
	for y := t.box.Min.Y; y < t.box.Max.Y; y += every {
		for x := t.box.Min.X; x < t.box.Max.X; x += every {
			do(float64(t.v.Frame.Y[y*t.v.Frame.YStride+x]), t.at(x, y, by))
		}
	}
}

// lift returns how much darker the other is.
func (t *twin) lift(by [2]float64, every int) float64 {
	var sum, n float64
	t.each(by, every, func(a, b float64) { sum, n = sum+a-b, n+1 })
	return sum / n
}

// apart returns the mean difference in luma but for lightness.
func (t *twin) apart(by [2]float64, every int) float64 {
	lift := t.lift(by, every)
	var sum float64
	t.each(by, every, func(a, b float64) { sum += math.Abs(a - b - lift) })
	return sum
}
