package session

import (
	"context"
	"math"
	"time"

	"livedub/inference"
	"livedub/session/dub"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/video"
)

// toDubs hands what was heard and seen of a source to every dub. It is the
// session's audio.Out and video.Out.
type toDubs struct{ s *Session }

func (t toDubs) Phrase(ctx context.Context, p inference.Phrase, now time.Duration) {
	t.s.Tell(record.Said(t.s.cfg.From, p))
	for _, d := range t.s.all() {
		d.Hear(ctx, p, now)
	}
}

func (t toDubs) Targets() []inference.Lang { return t.s.Targets() }

func (t toDubs) Played(from time.Duration, n int) (out [][]int16) {
	for _, d := range t.s.all() {
		if pcm := d.Played(from, n); pcm != nil {
			out = append(out, pcm)
		}
	}
	return out
}

func (t toDubs) OwnVoice(p inference.Phrase) {
	r := record.Said(t.s.cfg.From, p) // the partial captions before it are not to stand for ever
	r.Committed, r.OwnVoice = nil, r.Committed
	t.s.Tell(r)
	for _, d := range t.s.all() {
		d.OwnVoice(p)
	}
}

func (t toDubs) Level(at time.Duration, level float64) { t.s.mouths.Hear(at, level) }

func (t toDubs) Gap(from, to time.Duration) {
	t.s.Tell(record.Record{Gap: &record.Gap{From: from, To: to}})
}

func (t toDubs) Unrecognized(at time.Duration, why string) {
	for _, d := range t.s.all() {
		d.Unrecognized(at, why)
	}
}

// Heard lets virtual time run to the end of the dubs of a file, which has ended
// at source time to. A live session goes on.
func (t toDubs) Heard(to time.Duration) error {
	if !t.s.cfg.Video.File {
		return nil
	}
	if to <= 0 {
		return spec.ErrEmpty
	}
	t.s.ended.Store(int64(to))
	for _, d := range t.s.all() {
		d.End(to)
	}
	t.s.shared.Clock.Advance(math.MaxInt64)
	return nil
}

func (t toDubs) Listened() {
	if t.s.cfg.Video.File {
		t.s.eachDub((*dub.Dub).EndPhrases)()
	}
}

func (t toDubs) Offer(ctx context.Context, f video.Frame, late bool) {
	for _, d := range t.s.all() {
		d.Offer(ctx, f, late)
	}
}

func (t toDubs) FacesSlow(at time.Duration) {
	for _, d := range t.s.all() {
		d.FacesSlow(at)
	}
}

func (t toDubs) Shown() {
	if t.s.cfg.Video.File {
		t.s.eachDub((*dub.Dub).EndFrames)()
	}
}
