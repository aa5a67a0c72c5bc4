package clock

import (
	"slices"
	"time"
)

const (
	maxSkew     = 2 * time.Second  // between tracks: beyond, the reports' clocks are not one
	maxReportTS = 60 * time.Second // a report's RTP time is near the media's
	reportsKept = 5
)

// senderReport is what an RTCP sender report says of a clock.
type senderReport struct {
	ntp uint64
	ts  uint32
}

// expected is the least arrival - media time that the mapping stands for. While
// a new lag is on its way into offset, arrivals tell how much of it is there.
func (t *TrackTime) expected() time.Duration {
	return min(max(t.earliest(), t.offset-t.mostLag), t.offset-t.leastLag)
}

func (t *TrackTime) report(ntp uint64, ts uint32) {
	if ntp == 0 { // the sender has no such clock
		return
	}
	m := t.media(t.unwrap(ts))
	if d := m - t.media(t.top); d < -maxReportTS || d > maxReportTS {
		return
	}
	bias := FromNTP(ntp) - m
	if len(t.biases) > 0 && max(bias-t.bias(), t.bias()-bias) > MaxDeviate {
		// The sender's wall clock was set: all reports before are of the old one.
		for _, o := range t.base.tracks {
			o.biases = nil
		}
	}
	if len(t.biases) == reportsKept {
		t.biases = append(t.biases[:0], t.biases[1:]...)
	}
	t.biases, t.reported = append(t.biases, bias), t.at
	t.base.align()
}

// bias is NTP - media time: the least of the last reports, for a sender that
// was held up between a packet and its report errs upwards.
func (t *TrackTime) bias() time.Duration { return slices.Min(t.biases) }

// align sets every track's lag by the reports, where all tracks have one. The
// caller has the lock. Without, lags stay as they are.
func (b *Timebase) align() bool {
	if len(b.tracks) < 2 {
		return false
	}
	var least, most time.Duration // delay by the sender's clock
	for i, t := range b.tracks {
		if !t.started || len(t.biases) == 0 {
			return false
		}
		d := t.earliest() - t.bias()
		if i == 0 || d < least {
			least = d
		}
		if i == 0 || d > most {
			most = d
		}
	}
	if most-least > maxSkew {
		return false
	}
	for _, t := range b.tracks {
		t.lag = least - (t.earliest() - t.bias())
		t.leastLag, t.mostLag = min(t.leastLag, t.lag), max(t.mostLag, t.lag)
	}
	return true
}
