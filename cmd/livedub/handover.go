package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"livedub/cluster"
	"livedub/media/link"
	"livedub/session"
	"livedub/session/live"
)

const (
	handOverAgain = 2 * time.Second  // until a session that nobody took is tried again; twice as long each time,
	handOverRare  = 30 * time.Second // so long at most
	endedTime     = 3 * time.Second  // for the registry to hear that a session has ended
	readyTime     = 10 * time.Second // for another node to come to the present, beyond D
	quietTime     = 30 * time.Second // for those to leave who heard that the session has moved
	keptAhead     = 4 * time.Second  // of packets, beyond D: the phrase under way is heard from its beginning
)

// handOver moves a session to another node while it goes on here, and feeds it there
// until its speaker has come: all through the drain, if need be.
func (c *calls) handOver(ctx context.Context, call *live.Call) {
	h := handing{calls: c, Call: call}
	for again := handOverAgain; ; again = min(2*again, handOverRare) {
		err := h.once(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		call.Log().Warn("the session stays here for now", "err", err)
		select {
		case <-time.After(again):
		case <-call.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// handing is a session on its way to another node.
type handing struct {
	*calls
	*live.Call
	told bool // its listeners were
}

// tries is how many nodes are asked before the session comes back to this one.
const tries = 3

// once finds the session a node and feeds it there. It returns nil when nothing more
// is to be done. As long as nobody was told, failure leaves the session here.
func (h *handing) once(ctx context.Context) error {
	refused := false
	var err error
	for range tries {
		var to cluster.Claim
		if to, err = h.member.HandOver(ctx, h.Spec.ID, refused); err != nil {
			break
		}
		if err = h.feed(ctx, to); err == nil {
			return nil
		}
		h.Log().Warn("the session was not taken", "node", to.Node, "fence", int64(to.Fence), "err", err)
		refused = errors.Is(err, link.ErrRefused)
	}
	if errors.Is(err, cluster.ErrUnknown) { // it has ended
		return nil
	}
	if h.told && !h.member.Gone(ctx, h.Spec.ID) { // its listeners may be there
		return err
	}
	return errors.Join(err, h.takeBack(ctx))
}

// takeBack has the session here again as if nothing had been tried: who was told to go
// finds it here.
func (h *handing) takeBack(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	err := h.member.TakeBack(ctx, h.Spec.ID) // its checkpoint is kept again by the next change
	if err == nil && h.told {
		h.told = false
		h.Stays()
	}
	return err
}

// feed opens the session at another node and sends it what the speaker sends, until
// the speaker is there, has left, or is let go.
func (h *handing) feed(ctx context.Context, to cluster.Claim) error {
	sender, err := h.open(ctx, to)
	if err != nil {
		return err
	}
	defer sender.Close()
	stop := h.Tap(sender)
	defer stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	late := time.NewTimer(*h.Spec.Delay + readyTime)
	defer late.Stop()
	ready := sender.Ready()
	var quiet <-chan time.Time
	for {
		select {
		case <-ready:
			ready = nil
			h.tell(to, sender)
			quiet = time.After(quietTime)
		case <-quiet:
			h.Log().Info("who is here still has not heard that the session moved: they are let go, and find it at its addresses", "viewers", h.Viewers())
			return h.manager.Delete(h.Spec.ID)
		case <-sender.Done():
			return h.over(sender, to)
		case <-look.C:
			if ready == nil && !h.Speaking() { // who speaks next does so there
				return nil
			}
		case <-late.C:
			if ready != nil {
				return errors.New("the other node does not come to the present")
			}
		case <-h.Done():
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// open opens a link to the node of a claim.
func (h *handing) open(ctx context.Context, to cluster.Claim) (*link.Sender, error) {
	kept, err := h.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := h.member.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	return link.Send(ctx, conn, link.SenderConfig{
		Key: h.linkKey, Now: h.Clock.Now, Keyframe: h.Keyframe,
		Hello: link.Hello{Session: h.Spec.ID, Epoch: h.Epoch, Fence: int64(to.Fence), Checkpoint: kept},
	})
}

// checkpoint returns what the other node opens the session from: all that has happened,
// or the newest of it.
func (h *handing) checkpoint(ctx context.Context) ([]byte, error) {
	c, err := h.Checkpoint(ctx)
	for err == nil {
		var kept []byte
		if kept, err = c.Encode(); err == nil && (len(kept) <= link.MaxCheckpoint || len(c.Records) == 0) {
			return kept, nil
		}
		c.Records = c.Records[(len(c.Records)+1)/2:]
	}
	return nil, err
}

// tell lets everybody who listens know where to come.
func (h *handing) tell(to cluster.Claim, s *link.Sender) {
	h.told = true
	h.Log().Info("session moved", "node", to.Node, "fence", int64(to.Fence), "dropped", s.Dropped())
	h.Moved(int64(to.Fence))
}

// over tells what the end of a link means.
func (h *handing) over(s *link.Sender, to cluster.Claim) error {
	switch err := s.Err(); {
	case errors.Is(err, link.ErrReplaced):
		if !h.told {
			h.tell(to, s)
		}
		return nil
	case errors.Is(err, link.ErrEnded) && h.ended():
		return h.manager.Delete(h.Spec.ID)
	default:
		return err
	}
}

// ended tells whether somebody has ended the session at the other node, which else has
// let go of it.
func (h *handing) ended() bool {
	for until := time.Now().Add(endedTime); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if h.member.Over(context.Background(), h.Spec.ID) {
			return true
		}
	}
	return false
}

// linked takes a session from another node, which sends what its speaker sends.
func (c *calls) linked(ctx context.Context, conn net.Conn, claim cluster.Claim) {
	r, err := link.Receive(ctx, conn, c.linkKey)
	if err != nil {
		c.log.Warn("no link", "session", claim.Session, "err", err)
		return
	}
	if err := c.take(ctx, r, claim); err != nil {
		c.log.Warn("session not taken over", "session", claim.Session, "fence", int64(claim.Fence), "err", err)
	}
}

// take opens the session of a link and has the link publish in it.
func (c *calls) take(ctx context.Context, r *link.Receiver, claim cluster.Claim) error {
	call, err := c.opened(ctx, r, claim)
	if err != nil {
		r.Refuse(err.Error())
		return err
	}
	if err := r.Accept(); err != nil {
		return err
	}
	if err := call.Publish(r); err != nil { // the speaker was faster
		r.Replaced()
		return nil //nolint:nilerr // the session is here, which is what matters
	}
	call.Log().Info("the node before sends the speaker", "clock_off", (r.Now() - call.Clock.Now()).Round(time.Microsecond).String(), "round_trip", r.Trip().String())
	if err := r.Caught(ctx, *call.Spec.Delay); err != nil {
		return fmt.Errorf("before it came to the present: %w", err)
	}
	r.TellReady()
	return nil
}

// opened returns the session of a link, opened from its checkpoint unless it is there.
// Its clock is the one that the link tells, which is nearer than what the registry does.
func (c *calls) opened(ctx context.Context, r *link.Receiver, claim cluster.Claim) (*live.Call, error) {
	h := r.Hello()
	if h.Session != claim.Session || h.Fence != int64(claim.Fence) {
		return nil, fmt.Errorf("the link is about session %s with fence %d, its request was about %s with fence %d", h.Session, h.Fence, claim.Session, int64(claim.Fence))
	}
	from, err := session.DecodeCheckpoint(h.Checkpoint)
	if err != nil {
		return nil, err
	}
	err = c.member.Take(ctx, claim, func(context.Context) error {
		from.Origin = c.now().Add(-r.Now())
		call, err := c.manager.Open(h.Session, from)
		if err != nil {
			return refuse(err)
		}
		call.Keep()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.manager.Get(h.Session)
}
