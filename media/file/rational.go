package file

import (
	"math/bits"
	"time"
)

// maxTime bounds every time read from a file, so that sums of a few never overflow: 36 years.
const maxTime = time.Duration(1) << 60

// toTime converts ts ticks of num/den seconds to the nearest nanosecond, exactly
// for every ts (128 bits between), clamped to +-maxTime. A time base that is no time base gives 0.
func toTime(ts int64, num, den int) time.Duration {
	if num <= 0 || den <= 0 {
		return 0
	}
	return time.Duration(scale(ts, uint64(num)*uint64(time.Second), uint64(den)))
}

// toTicks converts d to the nearest tick of 1/den second.
func toTicks(d time.Duration, den int) int64 {
	if den <= 0 {
		return 0
	}
	return scale(int64(d), uint64(den), uint64(time.Second))
}

// scale returns v*mul/div rounded to nearest, halves away from zero, clamped to +-maxTime.
func scale(v int64, mul, div uint64) int64 {
	abs := uint64(v)
	if v < 0 {
		abs = -abs
	}
	hi, lo := bits.Mul64(abs, mul)
	lo, carry := bits.Add64(lo, div/2, 0)
	hi += carry
	q := uint64(maxTime)
	if hi < div {
		q, _ = bits.Div64(hi, lo, div)
		q = min(q, uint64(maxTime))
	}
	if v < 0 {
		return -int64(q)
	}
	return int64(q)
}
