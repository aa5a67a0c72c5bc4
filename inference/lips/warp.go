package lips

import "math"

// Places below are relative to the middle between a mouth's corners, along the
// line through them, in distances between the eyes.

const (
	jawShare = .55 // of a wider opening, by which the chin goes down
	lipShare = .8  // likewise the lower lip; the upper one goes up by the rest
	jawTop   = .3  // where the chin moves wholly
	jawEnd   = .8  // below the chin
	jawGone  = 1.1 // where nothing moves anymore
	jawHalf  = .65 // likewise, to the sides
)

// warp leads from a place on a mouth as it is wanted back to the place on the
// mouth that there is.
type warp struct {
	from           shape
	upper, lower   float64 // inner edges of the lips, as wanted
	width          float64
	more           float64 // opening wanted beyond the one that there is
	stretch, shift float64 // of x, within and beyond the corners
}

func newWarp(from shape, height, width float64) warp {
	more := height - from.height()
	return warp{
		from: from, more: more, width: width,
		upper: from.upper - (1-lipShare)*more, lower: from.lower + lipShare*more,
		stretch: from.width / width, shift: (from.width - width) / 2,
	}
}

// jaw returns how far the skin at x, y goes down with an opening that is more wider.
func jaw(x, y, more float64) float64 {
	ax := math.Abs(x)
	if y <= 0 || y >= jawGone || ax >= jawHalf {
		return 0
	}
	d := jawShare * more * (1 - smooth((ax-.3)/(jawHalf-.3)))
	if y < jawTop {
		return d * smooth(y/jawTop)
	}
	return d * (1 - smooth((y-jawEnd)/(jawGone-jawEnd)))
}

// back maps a wanted place to the one that there is. dark tells how far it lies
// in an opening that was not there, 0..1.
func (w *warp) back(x, y float64) (sx, sy, dark float64) {
	near := max(0, 1-square(y/.5))
	if ax := math.Abs(x); ax <= w.width/2 {
		sx = x + (x*w.stretch-x)*near
	} else {
		sx = x + math.Copysign(1, x)*w.shift*near*max(0, 1-(ax-w.width/2)/.25)
	}
	bow := w.bow(x)
	top, bottom := w.upper*bow, w.lower*bow
	oldTop, oldBottom := w.from.upper*bow, w.from.lower*bow
	switch {
	case y <= top:
		far := max(0, top-y-(w.from.upper-w.from.top)*bow)
		return sx, y + (oldTop-top)*max(0, 1-far/.16), 0
	case y >= bottom:
		far := min(max(0, y-bottom-(w.from.under-w.from.lower)*bow)/.2, 1)
		return sx, y + (oldBottom-bottom)*(1-far) - jaw(x, y, w.more)*far, 0
	}
	// Between the lips: what is there hangs on the upper teeth. The lower lip
	// comes up in front of it, or uncovers more of what is deepest.
	in, open, old := y-top, bottom-top, oldBottom-oldTop
	if open <= old {
		return sx, oldTop + in, 0
	}
	if rigid := .5 * old; in > rigid {
		in = rigid + (in-rigid)*(old-rigid)/(open-rigid)
	}
	return sx, oldTop + in, min(max((open-1.35*old)/.05, 0), 1)
}

// bow is the height of the opening's edges at x, 1 in the middle and 0 at the corners.
func (w *warp) bow(x float64) float64 { return max(0, 1-square(2*x/w.width)) }

// edge is how soft the edge of a lower lip is that comes up in front of what
// was between the lips.
const edge = .01

// seam tells, near the edge of a lower lip that was brought up, the place on
// the mouth that there is of what lies beyond the edge, and how much of it is
// seen. Where the lips come to touch, shade is how dark the line between them is.
func (w *warp) seam(x, y float64) (sx, sy, share, shade float64) {
	bow := w.bow(x)
	d := y - w.lower*bow
	if w.more > -edge || bow == 0 || math.Abs(d) >= 2*edge {
		return 0, 0, 0, 0
	}
	open := (w.lower - w.upper) * bow
	share = .5 * max(0, 1-math.Abs(d)/edge)
	shade = min(1, -w.more*bow/.06) * max(0, 1-open/.03) * max(0, 1-square(d/(2*edge)))
	if d < 0 {
		return x * w.stretch, w.from.lower*bow + d, share, shade
	}
	return x * w.stretch, w.from.upper*bow + open + d, share, shade
}

// smooth rises from 0 at 0 to 1 at 1.
func smooth(x float64) float64 {
	x = min(max(x, 0), 1)
	return x * x * (3 - 2*x)
}
