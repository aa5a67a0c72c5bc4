// Package clock maps the clocks of RTP senders to a session's, and a session's to
// NTP time for the reports to its receivers. It knows numbers alone, no packets.
package clock

import (
	"time"

	"livedub/media/pace"
)

// ntpEpoch is 1 January 1900 in seconds before Unix time (RFC 5905, 6).
const ntpEpoch = 2208988800

// FromNTP returns a 64-bit NTP time as the time since its era began.
func FromNTP(n uint64) time.Duration {
	return time.Duration(n>>32)*time.Second + time.Duration((n&0xffffffff)*1e9>>32)
}

// ToNTP is its inverse, rounded so that a receiver which truncates gets t back to the nanosecond.
func ToNTP(t time.Duration) uint64 {
	frac := (uint64(t%time.Second)<<32 + 1e9 - 1) / 1e9
	return uint64(t/time.Second)<<32 + frac
}

// ReportClock gives sender reports their NTP time. All tracks of one receiver
// must share one, or they are not in sync with each other. It reads the wall's
// clock once: a later change of the machine's date is none of the media's.
type ReportClock struct {
	clock pace.Clock
	epoch time.Duration // NTP time of the session's zero
}

// NewReportClock ties the session's clock to NTP time.
func NewReportClock(c pace.Clock) *ReportClock {
	wall := time.Now()
	since := time.Duration(wall.Unix()+ntpEpoch)*time.Second + time.Duration(wall.Nanosecond())
	return &ReportClock{c, since - c.Now()}
}

// Now returns the session's present.
func (r *ReportClock) Now() time.Duration { return r.clock.Now() }

// NTP returns the 64-bit NTP time of session time t.
func (r *ReportClock) NTP(t time.Duration) uint64 { return ToNTP(r.epoch + t) }
