package codec

import "math"

// size is a frame's, in pixels.
type size struct{ w, h int }

// minSide is the smallest side we encode (pixels): one macroblock.
const minSide = 16

// upright returns how large a frame of w by h is to be seen: turned clockwise
// by turn degrees, pixels (aspect wide each) squared without losing any.
func upright(s size, turn int, aspect float64) (w, h float64) {
	w, h = float64(s.w), float64(s.h)
	if aspect >= 1 {
		w *= aspect
	} else {
		h /= aspect
	}
	if turn%180 != 0 {
		w, h = h, w
	}
	return w, h
}

// fitInside returns the even size with the aspect of w by h that fits maxW by
// maxH, or maxH by maxW for a portrait, never enlarged but to minSide.
func fitInside(w, h float64, maxW, maxH int) size {
	if h > w {
		maxW, maxH = maxH, maxW
	}
	k := min(1, float64(maxW)/w, float64(maxH)/h)
	return size{even(w*k, maxW), even(h*k, maxH)}
}

// fitBox returns the even rectangle with the aspect of w by h centred in box.
func fitBox(w, h float64, box size) (x, y int, r size) {
	k := min(float64(box.w)/w, float64(box.h)/h)
	r = size{even(w*k, box.w), even(h*k, box.h)}
	return (box.w - r.w) / 4 * 2, (box.h - r.h) / 4 * 2, r
}

// even rounds v to an even number, at least minSide, at most limit where that allows.
func even(v float64, limit int) int {
	n := int(math.Round(v/2)) * 2
	return max(minSide, min(n, limit&^1))
}
