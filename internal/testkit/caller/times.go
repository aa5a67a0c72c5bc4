package caller

import (
	"context"
	"errors"
	"time"
)

var (
	errGone    = errors.New("the connection was lost")
	errDied    = errors.New("another node has taken the session over")
	errUnheard = errors.New("the server did not report for 4 s")
	errStalled = errors.New("no sound came for 500 ms")
)

// ntpEpoch is 1900 in Unix time, seconds.
const ntpEpoch = 2208988800

// toNTP returns t in NTP's 32.32 seconds since 1900.
func toNTP(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// fromNTP returns 32.32 seconds since 1900 as a time.
func fromNTP(v uint64) time.Time {
	return time.Unix(int64(v>>32)-ntpEpoch, int64((v&0xffffffff)*1e9>>32))
}

// MS returns a time in milliseconds.
func MS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// pauseFor waits, or until ctx ends.
func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
