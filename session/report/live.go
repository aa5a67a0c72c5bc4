package report

import (
	"time"

	"livedub/session/spec"
)

// Figures is how a live dub fares.
type Figures struct {
	Late     Span
	Span     Span   // ear-voice
	AVOffset Offset // as the packets left, sound's lateness less the frame's
	Frames   Frames
}

// Live returns a live dub's figures over the phrases and frames that its state remembers.
func Live(d spec.DubState, delay time.Duration) Figures {
	var late, span, skew, size []float64
	for _, r := range d.Records {
		if r.Outcome == spec.Played {
			late = append(late, ms(r.Late))
			span = append(span, earVoice(r, delay)...)
		}
	}
	for _, s := range d.Skew {
		skew = append(skew, ms(s))
		size = append(size, ms(max(s, -s)))
	}
	return Figures{
		Late: spanOf(late), Span: spanOf(span), Frames: Frames(d.Frames),
		AVOffset: Offset{percentile(skew, 1), percentile(skew, 50), percentile(size, 99), len(skew)},
	}
}
