package live

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"livedub/session"
	"livedub/session/record"
)

// Saver keeps the checkpoints of a node's sessions where other nodes find them. Its
// methods return within a few seconds.
type Saver interface {
	// Append adds a part, Replace puts one in place of all.
	Append(ctx context.Context, id string, part []byte) error
	Replace(ctx context.Context, id string, part []byte) error
}

const (
	saveApart   = 200 * time.Millisecond // between two parts
	saveRate    = 4 << 10                // bytes a second,
	saveBurst   = 16 << 10               // and so many at once: 20 KB in any second
	saveWhole   = 12 << 10               // of a whole checkpoint, its head aside: the newest records have room
	saveAll     = 56 << 10               // of all parts; then one takes their place
	saveAgain   = time.Second            // after a failure
	sealed      = 64                     // bytes that a part may grow by before it is kept
	mostCarried = 4096                   // records that a checkpoint is made of
)

// saves are figures of what was kept.
type saves struct{ parts, bytes, failed atomic.Int64 }

// keeper keeps the checkpoint of one call up to date, by what its records tell. It
// is the only one that waits for the saver.
type keeper struct {
	call  *Call
	saver Saver
	seen  *saves
	limit *rate.Limiter

	carried []record.Record // the last ones
	size    int             // of the parts that are kept
	fresh   int             // of carried, those that are not kept yet
	whole   bool            // all is to be written again
	failed  int             // saves in a row
}

// Keep has the call's checkpoint kept by its manager's Saver from now on, if it has
// one, until the call ends.
func (c *Call) Keep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.saver == nil || c.ctx.Err() != nil {
		return
	}
	k := &keeper{call: c, saver: c.saver, seen: c.saves, limit: rate.NewLimiter(saveRate, saveBurst), whole: true}
	c.wg.Go(func() { k.run(c.ctx) })
}

// run follows the records to the call's end.
func (k *keeper) run(ctx context.Context) {
	r := k.call.Records().From(1)
	defer r.Close()
	for {
		if err := k.save(ctx); err != nil {
			return
		}
		pause := saveApart
		if k.failed > 0 {
			pause = saveAgain
		}
		if err := k.gather(ctx, r, pause); err != nil {
			return
		}
	}
}

// gather takes what comes within a pause, and waits on until there is something to save.
func (k *keeper) gather(ctx context.Context, r *record.Reader, pause time.Duration) error {
	brief, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	for {
		got, err := r.Next(brief)
		switch {
		case err == nil:
			k.take(got)
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return err // the call, or what is told of it, has ended
		case k.whole || k.fresh > 0:
			return nil
		default:
			brief = ctx
		}
		if brief == ctx && (k.whole || k.fresh > 0) {
			return nil
		}
	}
}

// take takes a record.
func (k *keeper) take(r record.Record) {
	if session.Carried(r) {
		k.carried = append(k.carried, r.Slim())
		k.fresh++
		if over := len(k.carried) - mostCarried; over > mostCarried/4 {
			k.carried = without(k.carried, over)
		}
	}
	// What a session is, stands in the head.
	k.whole = k.whole || r.Targets != nil || r.Words != nil || r.Lips != nil ||
		r.Output != nil && (r.Output.State == "added" || r.Output.State == "ended")
}

// save writes what is not kept yet; what fails is made up for. It returns an error
// when the call ends.
func (k *keeper) save(ctx context.Context) error {
	if !k.whole && k.fresh == 0 {
		return nil
	}
	part, err := k.part()
	if err == nil {
		if err := k.limit.WaitN(ctx, min(len(part)+sealed, saveBurst)); err != nil {
			return err
		}
		if k.whole {
			err = k.saver.Replace(ctx, k.call.Spec.ID, part)
		} else {
			err = k.saver.Append(ctx, k.call.Spec.ID, part)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		k.whole = true
		k.failed++
		k.seen.failed.Add(1)
		if k.failed&(k.failed-1) == 0 {
			k.call.log.Warn("the session's checkpoint is not kept: another node would carry on what was before", "times", k.failed, "err", err)
		}
		return nil
	}
	if k.whole {
		k.size = 0
	}
	k.size += len(part) + sealed
	k.whole, k.fresh, k.failed = false, 0, 0
	k.seen.parts.Add(1)
	k.seen.bytes.Add(int64(len(part)))
	return nil
}

// part returns what is to be written: what is new, or, where it has no room behind
// the rest, all in as little as saveWhole.
func (k *keeper) part() ([]byte, error) {
	if !k.whole {
		part, err := session.EncodeRecords(k.carried[max(0, len(k.carried)-k.fresh):])
		if err != nil || k.size+len(part)+sealed <= saveAll && len(part) <= saveWhole {
			return part, err
		}
		k.whole = true
	}
	c := k.call.checkpoint()
	bare, err := c.Encode()
	for err == nil {
		c.Records = k.carried
		var part []byte
		if part, err = c.Encode(); err == nil && (len(part)-len(bare) <= saveWhole || len(k.carried) <= 1) {
			return part, nil
		}
		k.carried = without(k.carried, (len(k.carried)+3)/4+1)
	}
	return nil, err
}

// without leaves out the oldest n of some records. One that stands for them is left.
func without(all []record.Record, n int) []record.Record {
	gone := 0
	for _, r := range all[:n] {
		if r.Lost != nil {
			gone += r.Lost.Records
		} else {
			gone++
		}
	}
	last := all[n-1]
	return append([]record.Record{{Seq: last.Seq, At: last.At, Lost: &record.Lost{Records: gone}}}, all[n:]...)
}

// checkpoint returns the call's, without records.
func (c *Call) checkpoint() session.Checkpoint {
	out := c.Session.Checkpoint()
	s := c.Spec
	s.To, s.Words, s.Consent, s.ConsentAt = out.Spec.To, out.Spec.Words, out.Spec.Consent, out.Spec.ConsentAt
	s.ID, s.Epoch = "", c.Epoch
	out.Outputs = c.Outputs()
	out.Spec, out.Created, out.Origin = s, c.Created, c.now().Add(-c.Clock.Now())
	return out
}

// Kept returns what another node needs to open the call, without what has happened.
func (c *Call) Kept() ([]byte, error) { return c.checkpoint().Encode() }

// Checkpoint returns what another node needs to carry the call on, with all records
// that matter to it, as far as they are there and, the oldest aside, have room.
func (c *Call) Checkpoint(ctx context.Context) (session.Checkpoint, error) {
	out := c.checkpoint()
	for r := range c.Records().All(ctx) {
		if session.Carried(r) {
			out.Records = append(out.Records, r.Slim())
			out.Seq = max(out.Seq, r.Seq)
		}
	}
	if over := len(out.Records) - session.MaxCarried; over > 0 {
		out.Records = without(out.Records, over+1)
	}
	return out, ctx.Err()
}
