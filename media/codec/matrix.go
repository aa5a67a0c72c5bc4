package codec

/*
#include "vpxenc.h"
*/
import "C"

import (
	"math"

	"livedub/media"
)

// luma is what red and blue have of the light, by the matrices of ITU-T H.273
// whose frames differ from BT.601's.
var luma = map[uint8][2]float64{media.BT709: {.2126, .0722}, 9: {.2627, .0593}}

// toBT601 returns what brings frames of limited range from a matrix to
// BT.601's, which is VP8's: its streams cannot name another one. nil where there
// is nothing to do or the matrix is not known.
func toBT601(matrix uint8) *C.ldc_recolor {
	k, ok := luma[matrix]
	if !ok {
		return nil
	}
	const red, blue = .299, .114
	column := func(u, v float64) (y, cb, cr float64) {
		r, b := 2*(1-k[0])*v, 2*(1-k[1])*u
		g := -(k[0]*r + k[1]*b) / (1 - k[0] - k[1])
		y = red*r + (1-red-blue)*g + blue*b
		return y * 219 / 224, (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
	}
	fixed := func(a, b float64) [2]C.int {
		return [2]C.int{C.int(math.Round(a * 65536)), C.int(math.Round(b * 65536))}
	}
	y0, u0, v0 := column(1, 0)
	y1, u1, v1 := column(0, 1)
	return &C.ldc_recolor{y: fixed(y0, y1), u: fixed(u0, u1), v: fixed(v0, v1)}
}
