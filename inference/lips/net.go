package lips

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/inference/lips/neural"
)

// netStream renders one dub by a net, and by the speaker's own mouths where the net has none.
type netStream struct {
	*stream
	net     *neural.Net
	ear     *neural.Ear // of Begin
	session string

	mu    sync.Mutex
	begun []begun // in order of time
}

// begun is a frame that the net was asked for.
type begun struct {
	at     time.Duration
	face   int
	seen   cutout
	answer <-chan inference.ModelResult
}

// mostBegun is how many frames of a dub may be with the net. A session that
// never renders them does not pile them up.
const mostBegun = 64

// Begin implements inference.LipsAhead: the net is asked for the mouth of a
// visible face that is being dubbed, and of no other.
func (s *netStream) Begin(ctx context.Context, r inference.LipsRequest) {
	v := viewOf(r)
	if v == nil || r.Voice == nil || min(r.Amount, v.trust) < least || ctx.Err() != nil {
		return
	}
	from, n := s.net.Voice()
	voice := make([]int16, n)
	r.Voice(from, voice)
	seen := cutoutOf(v, s.net)
	face := seen.cut(frameOf(r.Frame), r.Frame.Height)
	answer, err := s.net.Submit(s.ear, s.session, r.Due, face, voice)
	if err != nil {
		s.missed(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, begun{r.Frame.PTS, v.face, seen, answer})
	if len(s.begun) > mostBegun {
		s.begun = slices.Delete(s.begun, 0, 1)
	}
}

// take returns what was begun for the frame of time t and forgets what is older.
func (s *netStream) take(t time.Duration) (begun, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.begun) > 0 && s.begun[0].at <= t {
		b := s.begun[0]
		s.begun = slices.Delete(s.begun, 0, 1)
		if b.at == t {
			return b, true
		}
	}
	return begun{}, false
}

// Render implements inference.LipsStream.
func (s *netStream) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	b, ok := s.take(r.Frame.PTS)
	if v := viewOf(r); !ok || v == nil || v.face != b.face { // it may have turned out since whose phrase it is
		return s.stream.Render(ctx, r)
	}
	face, err := s.wait(ctx, r.Due, b)
	if ctx.Err() != nil {
		return inference.Untouched, ctx.Err()
	}
	if err != nil {
		s.missed(err)
		return s.stream.Render(ctx, r)
	}
	return s.all(r, func(r inference.LipsRequest, v *view, t *Trace) bool {
		s.renderNet(r, v, b.seen, face, t)
		return true
	}), nil
}

// wait returns the net's frame, once it is there and before due.
func (s *netStream) wait(ctx context.Context, due time.Time, b begun) (*neural.Image, error) {
	select {
	case a := <-b.answer:
		return s.net.Frame(a)
	default:
	}
	var late <-chan time.Time
	if !due.IsZero() {
		timer := time.NewTimer(time.Until(due))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case a := <-b.answer:
		return s.net.Frame(a)
	case <-late:
		return nil, inference.ErrModelLate
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *netStream) missed(err error) {
	if s.cfg.Missed != nil && !errors.Is(err, context.Canceled) {
		s.cfg.Missed(err)
	}
}

// renderNet lays a net's face over the one in the frame.
func (s *netStream) renderNet(r inference.LipsRequest, v *view, seen cutout, face *neural.Image, t *Trace) {
	amount := min(r.Amount, v.trust)
	if amount < least {
		return
	}
	first := v.want(r.Mouth[:1], amount)[0]
	p := paste{
		dst: r.Frame, pose: v.pose, mouth: v.shape, old: v.shape, amount: smooth(min(1, 1.5*amount)),
		layer: layer{sy: 1, warp: newWarp(v.shape, v.shape.height(), v.shape.width), own: true, fixed: true},
	}
	p.layer.src, p.layer.pose = seen.back(face, v.pose, r.Frame.Height)
	reg := region{above: min(.5, v.shape.y-.18), below: .8, half: .68}
	reg.also = func(x, y float64) float32 {
		return seen.anew(v.pose, x+v.shape.x, y+v.shape.tilt*x+v.shape.y)
	}
	if s.lay(&p, reg, v, first, t) {
		t.Method = inference.Net
	}
}
