package lips

import "math"

// The mask says how much of each place is the new mouth, in the coordinates of a warp.
const (
	maskStep = .03
	maskW    = 51
	maskH    = 45
	maskX    = -.75
	maskY    = -.5
)

type mask [maskW * maskH]float32

// at reads the mask; nothing lies outside.
func (m *mask) at(x, y float64) float32 {
	x, y = (x-maskX)/maskStep, (y-maskY)/maskStep
	ix, iy := int(x), int(y)
	if x < 0 || y < 0 || ix >= maskW-1 || iy >= maskH-1 {
		return 0
	}
	u, v := float32(x-float64(ix)), float32(y-float64(iy))
	o := iy*maskW + ix
	return mix(mix(m[o], m[o+1], u), mix(m[o+maskW], m[o+maskW+1], u), v)
}

// place returns the place of sample i.
func (m *mask) place(i int) (x, y float64) {
	return maskX + float64(i%maskW)*maskStep, maskY + float64(i/maskW)*maskStep
}

// region is where the new mouth goes: an egg from below the nose to below the lips.
type region struct {
	above, below float64 // reach from the middle
	half         float64 // width at the height of the mouth

	also func(x, y float64) float32 // what of it is taken, 0..1; nil for all
}

// cover returns 1 within, 0 outside, and a soft edge.
func (r region) cover(x, y float64) float64 {
	half, tall := r.half, r.above
	if y > 0 {
		tall = r.below
		half -= .3 * half * square(min(y/tall, 1))
	}
	ax, ay := math.Abs(x)/half, math.Abs(y)/tall
	q := ax*ax*math.Sqrt(ax) + ay*ay*math.Sqrt(ay)
	return smooth((1 - q) / .55)
}
