package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"livedub/internal/testkit/caller"
)

// lookEvery is how often a session is asked what became of its phrases; it
// remembers the last dozen.
const lookEvery = 2 * time.Second

// placeAfter is how long a session that found no place waits before it asks again.
const placeAfter = time.Second

// call is one session under load: a speaker, its viewers, and what the session says of itself.
type call struct {
	n       int
	o       options
	m       *caller.Material
	client  *caller.Client
	peers   caller.Peers
	journal *journal
	decode  func() bool      // whether one more viewer may decode
	viewing func(change int) // viewers that run

	made    caller.Made
	fence   caller.Fence
	speaker *caller.Speaker
	viewers []*caller.Viewer
	ledgers map[string]*caller.Ledger // by language
	first   time.Duration             // first dub since the first packet; 0: none yet
	polls   int                       // that failed
	opened  time.Time                 // when the peers began to connect
	ended   time.Time                 // of the sending
	unended error                     // why the session could not be ended
}

// run makes the session, keeps it until ctx ends, ends it and returns its figures.
func (c *call) run(ctx context.Context) sessionLine {
	err := c.create(ctx, caller.Wanted{From: c.o.from, To: c.o.to, Profile: c.o.profile, DelayMS: c.o.delay(), Consent: c.o.consent})
	if err == nil {
		err = c.keep(ctx)
	}
	line := c.line(err)
	if !line.OK {
		c.journal.tell(caller.Event{Event: "failed", Session: c.n, ID: c.made.ID, Error: line.Error})
	}
	c.journal.line(line)
	return line
}

// create makes the session; while there is no place it tries again, for as long as it may.
func (c *call) create(ctx context.Context, w caller.Wanted) error {
	var waits error
	for began := time.Now(); ; pause(ctx, placeAfter) {
		var err error
		if c.made, err = c.client.Create(ctx, w); err == nil {
			return nil
		}
		if waits != nil && ctx.Err() != nil { // the time of the load is over
			return waits
		}
		if !full(err) || time.Since(began)+placeAfter > c.o.wait {
			return err
		}
		if waits == nil {
			c.tell(caller.Event{Event: "refused", Role: "session", Error: err.Error()})
		}
		waits = err
	}
}

// full tells whether an error says that there is no place.
func full(err error) bool {
	var status caller.StatusError
	return errors.As(err, &status) && status.Status == http.StatusServiceUnavailable
}

// keep runs the peers of a session that was made, and ends it.
func (c *call) keep(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	delay := time.Duration(c.made.DelayMS) * time.Millisecond
	c.opened = time.Now()
	c.ledgers = map[string]*caller.Ledger{}
	for _, lang := range c.o.to {
		c.ledgers[lang] = &caller.Ledger{}
	}
	var peers, judges sync.WaitGroup
	var all []*caller.Judge
	c.speaker = caller.NewSpeaker(c.m, c.client, c.peers, c.target(c.made.WHIP, ""), c.tell)
	for i := range c.o.viewers {
		lang := c.o.to[(c.n+i)%len(c.o.to)]
		var j *caller.Judge
		if c.decode() {
			j = caller.NewJudge(c.m, delay, c.speaker.Start, c.journal.shown, c.journal.apart)
			all = append(all, j)
			judges.Go(j.Run)
		}
		v := caller.NewViewer(c.client, c.peers, c.target(c.made.WHEP[lang], lang), j, func(e caller.Event) { e.Viewer = &i; c.tell(e) })
		c.viewers = append(c.viewers, v)
		peers.Go(func() {
			c.viewing(1)
			defer c.viewing(-1)
			v.Run(ctx)
		})
	}
	peers.Go(func() { c.speaker.Run(ctx) })
	peers.Go(func() { c.client.Follow(ctx, c.made.Control, &c.fence, nil, c.speaker, c.viewers...) })
	err := c.follow(ctx, delay)
	c.ended = time.Now()
	stop()
	peers.Wait()
	for _, j := range all {
		j.Close(c.ended)
	}
	judges.Wait()
	after := context.WithoutCancel(ctx)
	if err != nil {
		return err
	}
	if err := c.look(after, delay); err != nil && !errors.Is(err, errSessionGone) {
		c.polls++
	}
	if err := c.client.End(after, c.made.Control); err != nil {
		c.unended = fmt.Errorf("end the session: %w", err)
	}
	return nil
}

func (c *call) target(address, lang string) caller.Target {
	return caller.Target{Address: address, Session: c.made.ID, Lang: lang, WS: c.o.ws, Fence: &c.fence}
}

func (c *call) tell(e caller.Event) {
	e.Session, e.ID = c.n, c.made.ID
	c.journal.tell(e)
}

var errSessionGone = errors.New("the session is gone: the server ended it")

// follow asks the session for its state until ctx ends; an error means that the session is no more.
func (c *call) follow(ctx context.Context, delay time.Duration) error {
	beat := time.NewTicker(lookEvery)
	defer beat.Stop()
	gone := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
		}
		switch err := c.look(ctx, delay); {
		case errors.Is(err, errSessionGone):
			if gone++; gone == 3 { // a gateway may be looking for it
				return err
			}
		case err != nil && ctx.Err() == nil:
			c.polls++
		case err == nil:
			gone = 0
		}
	}
}

// look asks the session once.
func (c *call) look(ctx context.Context, delay time.Duration) error {
	before := time.Now()
	s, err := c.client.Look(ctx, c.made.Control, &c.fence)
	var status caller.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return errSessionGone
	}
	if err != nil {
		return err
	}
	after := time.Now()
	for lang, l := range c.ledgers {
		l.Take(before, after, s.Now, s.Dubs[lang])
		c.firstDub(lang, l, delay)
	}
	return nil
}

// firstDub tells of the session's first dub, once it is known when it sounds.
func (c *call) firstDub(lang string, l *caller.Ledger, delay time.Duration) {
	began, started := c.speaker.Start()
	at, known := l.FirstDub(delay)
	if c.first != 0 || !started || !known {
		return
	}
	c.first = at.Sub(began)
	c.tell(caller.Event{Event: "first_dub", Lang: lang, FirstDubMS: caller.Tenth(caller.MS(c.first))})
}
