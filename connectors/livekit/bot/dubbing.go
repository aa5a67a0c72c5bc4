package bot

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"livedub/connectors/livekit/doors"
	"livedub/connectors/livekit/wish"
)

// dubbing is what is made of one participant, by one session of livedub after another.
type dubbing struct {
	s       *stay
	id      string // the participant's identity
	want    *latest[wish.Dub]
	cancel  context.CancelFunc
	lingers time.Time // until when what was said is dubbed to its end; zero while they speak. Of stay.run alone.

	session *latest[doors.Session] // its zero value: none
	moved   *latest[int]           // how often sessions have gone on, or seem to, at another node of livedub's
	arrived *latest[int]           // the same, of the latest dub that comes from where it is now

	final map[string]bool // captions that were final; of follow alone

	mu      sync.Mutex
	problem string             // why there is no dub now; "" where there is
	outlets map[string]*outlet // by language
}

func (s *stay) begin(ctx context.Context, id string, d wish.Dub) *dubbing {
	ctx, cancel := context.WithCancel(ctx)
	out := &dubbing{
		s: s, id: id, want: newLatest(d), cancel: cancel,
		session: newLatest(doors.Session{}), moved: newLatest(0), arrived: newLatest(0), final: map[string]bool{}, outlets: map[string]*outlet{},
	}
	s.cfg.Log.Info("dubbed", "room", s.cfg.Room, "speaker", id, "from", d.From, "to", d.To, "video", d.Video)
	s.running.Go(func() { guard(s.cfg.Log, "dubbing "+id, func() { out.run(ctx) }) })
	return out
}

// rest returns how long it takes until the last that was said is heard.
func (d *dubbing) rest() time.Duration {
	s, _ := d.session.get()
	return time.Duration(s.DelayMS)*time.Millisecond + restTime
}

// restTime is what recognition, translation and voice need behind the last word.
const restTime = 8 * time.Second

// run has sessions until ctx ends: the next one where livedub ended one, or lost it.
func (d *dubbing) run(ctx context.Context) {
	wait := minRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := d.hold(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > hold {
			wait = minRetry
		}
		var refused *doors.StatusError
		if errors.As(err, &refused) {
			wait = max(wait, refused.RetryAfter)
		}
		d.fail(err)
		d.s.cfg.Log.Warn("not dubbed now", "room", d.s.cfg.Room, "speaker", d.id, "again in", wait, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, maxRetry)
	}
	d.mu.Lock()
	outlets := slices.Collect(maps.Values(d.outlets))
	d.mu.Unlock()
	for _, o := range outlets {
		o.unpublish()
	}
}

func (d *dubbing) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.problem = ""; err != nil {
		d.problem = err.Error()
	}
	d.s.poke()
}

// hold makes one session and keeps it until ctx ends or livedub ends it.
func (d *dubbing) hold(ctx context.Context) error {
	want, _ := d.want.get()
	made, err := d.s.cfg.Livedub.Create(ctx, doors.Wanted{
		From: want.From, To: want.To, Profile: d.s.cfg.Profile, DelayMS: d.s.cfg.DelayMS, Consent: true,
	})
	if err != nil {
		return err
	}
	d.session.set(made)
	d.fail(nil)
	ctx, end := context.WithCancelCause(ctx)
	var peers sync.WaitGroup
	start := func(name string, job func()) {
		peers.Go(func() { guard(d.s.cfg.Log, name, job) })
	}
	start("events of "+d.id, func() { d.follow(ctx, end) })
	start("voice of "+d.id, func() { d.publish(ctx, end) })
	err = d.languages(ctx, made, start)
	end(err)
	peers.Wait()
	// ctx has ended when this is wanted; a session that nobody publishes to ends by itself.
	if err := d.s.cfg.Livedub.End(context.WithoutCancel(ctx), made); err != nil {
		d.s.cfg.Log.Warn("the session was not ended", "session", made.ID, "err", err)
	}
	d.session.set(doors.Session{})
	return context.Cause(ctx)
}

// languages keeps the session's languages those that are wanted, and a viewer for each.
func (d *dubbing) languages(ctx context.Context, made doors.Session, start func(string, func())) error {
	viewers := map[string]context.CancelFunc{}
	defer func() {
		for _, stop := range viewers {
			stop()
		}
	}()
	to := made.To
	for {
		want, changed := d.want.get()
		if want.From != made.From {
			return errors.New("another language is spoken")
		}
		if !slices.Equal(want.To, to) {
			now, err := d.s.cfg.Livedub.Retarget(ctx, made, want.To)
			if err != nil {
				return err
			}
			d.session.set(now)
			to = want.To
		}
		for _, lang := range to {
			if viewers[lang] == nil {
				ctx, stop := context.WithCancel(ctx)
				viewers[lang] = stop
				start("dub of "+d.id+" to "+lang, func() { d.view(ctx, lang) })
			}
		}
		for lang, stop := range viewers {
			if !slices.Contains(to, lang) {
				stop()
				delete(viewers, lang)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// pause waits, for a shorter time where ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
