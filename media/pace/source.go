package pace

import (
	"context"

	"livedub/media"
)

// Realtime returns src slowed down to the clock: each packet is given out when
// its decoding time has come, as a live camera would.
func Realtime(src media.Source, clock Clock) media.Source {
	return &realtime{src, clock}
}

type realtime struct {
	media.Source
	clock Clock
}

func (r *realtime) Read(ctx context.Context) (media.Packet, error) {
	p, err := r.Source.Read(ctx)
	if err != nil {
		return p, err
	}
	at := min(p.DTS, p.PTS)
	if p.Kind == media.Audio {
		at = p.PTS + p.Duration // a microphone gives a frame out when it is full
	}
	return p, r.clock.Wait(ctx, at)
}
