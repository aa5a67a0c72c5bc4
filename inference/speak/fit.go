package speak

import (
	"context"
	"math"
	"time"

	"livedub/inference/speak/wire"
	"livedub/internal/worker"
)

const (
	normal  = 175  // words a minute: espeak-ng's own speed
	slowest = .9   // of natural; speech drawn out further sounds ill
	fastest = 1.35 // of natural; what is faster is not followed well
	enough  = .01  // near enough to the wanted length
	tries   = 4    // syntheses after the first
)

// fit has q spoken within want of time, as near as the range of rates allows,
// and returns how fast that is against natural. The length at a speed is known
// only by synthesising: pauses and plosives do not shrink as vowels do.
func (e *Espeak) fit(ctx context.Context, q wire.Request, want time.Duration) (best *sound, rate float64, err error) {
	err = e.use(ctx, func(w *worker.Worker) error {
		natural, err := e.synthesise(ctx, w, q)
		if err != nil {
			return err
		}
		best = natural
		if want <= 0 {
			return nil
		}
		whole := natural.duration().Seconds()
		target := whole / min(fastest, max(slowest, whole/want.Seconds()))
		speed, seen := float64(normal), natural
		for range tries {
			off := seen.duration().Seconds() / target
			if math.Abs(off-1) < enough {
				break
			}
			speed = min(fastest*1.1, max(slowest*.9, speed*off/normal)) * normal
			q.Speed = int(math.Round(speed))
			if seen, err = e.synthesise(ctx, w, q); err != nil {
				return err
			}
			if math.Abs(seen.duration().Seconds()-target) < math.Abs(best.duration().Seconds()-target) {
				best = seen
			}
		}
		rate = whole / best.duration().Seconds()
		return nil
	})
	if rate == 0 {
		rate = 1
	}
	return best, min(fastest, max(slowest, rate)), err
}

func (e *Espeak) synthesise(ctx context.Context, w *worker.Worker, q wire.Request) (*sound, error) {
	body, err := q.Encode()
	if err != nil {
		return nil, &worker.Refusal{Text: err.Error()}
	}
	answer, err := w.Call(ctx, body)
	if err != nil {
		return nil, err
	}
	p, err := wire.DecodeReply(answer)
	if err != nil {
		return nil, err
	}
	s := newSound(p, e.rate)
	if s == nil {
		return nil, &worker.Refusal{Text: "the text has no sound; send words"}
	}
	return s, nil
}
