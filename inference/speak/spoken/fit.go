package spoken

import (
	"math"
	"time"

	"livedub/media"
)

const (
	slowest = .9   // of natural; speech drawn out further sounds ill
	fastest = 1.35 // of natural; what is faster is not followed well
)

// Stretch returns sound at tempo times its speed, at the same pitch.
type Stretch func(s media.Samples, tempo float64) (media.Samples, error)

// Fit has sound last want, as near as the range of rates allows (0.9 to 1.35 of
// natural), and returns how fast that is. A want of 0 is the natural length.
func Fit(s media.Samples, want time.Duration, stretch Stretch) (media.Samples, float64, error) {
	if want <= 0 {
		return s, 1, nil
	}
	tempo := min(fastest, max(slowest, s.Duration().Seconds()/want.Seconds()))
	if math.Abs(tempo-1) < .01 {
		return s, 1, nil
	}
	out, err := stretch(s, tempo)
	return out, tempo, err
}
