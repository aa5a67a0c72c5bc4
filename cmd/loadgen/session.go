package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
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
	m       *material
	client  *client
	speaks  *webrtc.API
	watches *webrtc.API
	journal *journal
	decode  func() bool      // whether one more viewer may decode
	viewing func(change int) // viewers that run

	made    made
	speaker *speaker
	viewers []*viewer
	ledgers map[string]*ledger // by language
	first   time.Duration      // first dub since the first packet; 0: none yet
	polls   int                // that failed
	opened  time.Time          // when the peers began to connect
	ended   time.Time          // of the sending
	unended error              // why the session could not be ended
}

// run makes the session, keeps it until ctx ends, ends it and returns its figures.
func (c *call) run(ctx context.Context) sessionLine {
	err := c.create(ctx, wanted{From: c.o.from, To: c.o.to, Profile: c.o.profile, DelayMS: c.o.delay(), Consent: c.o.consent})
	if err == nil {
		err = c.keep(ctx)
	}
	line := c.line(err)
	if !line.OK {
		c.journal.tell(event{Event: "failed", Session: c.n, ID: c.made.ID, Error: line.Error})
	}
	c.journal.line(line)
	return line
}

// create makes the session; while there is no place it tries again, for as long as it may.
func (c *call) create(ctx context.Context, w wanted) error {
	var full error
	for began := time.Now(); ; pauseFor(ctx, placeAfter) {
		var err error
		if c.made, err = c.client.create(ctx, w); err == nil {
			return nil
		}
		if full != nil && ctx.Err() != nil { // the time of the load is over
			return full
		}
		var status statusError
		if !errors.As(err, &status) || status.status != http.StatusServiceUnavailable || time.Since(began)+placeAfter > c.o.wait {
			return err
		}
		if full == nil {
			c.tell(event{Event: "refused", Role: "session", Error: err.Error()})
		}
		full = err
	}
}

// keep runs the peers of a session that was made, and ends it.
func (c *call) keep(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	delay := time.Duration(c.made.DelayMS) * time.Millisecond
	c.opened = time.Now()
	c.ledgers = map[string]*ledger{}
	for _, lang := range c.o.to {
		c.ledgers[lang] = &ledger{}
	}
	var peers, judges sync.WaitGroup
	c.speaker = newSpeaker(c.m, c.client, c.speaks, target{c.made.WHIP, c.made.ID, "", c.o.ws}, func(e event) { c.tell(e) })
	peers.Go(func() { c.speaker.run(ctx) })
	for i := range c.o.viewers {
		lang := c.o.to[(c.n+i)%len(c.o.to)]
		v := &viewer{client: c.client, api: c.watches, to: target{c.made.WHEP[lang], c.made.ID, lang, c.o.ws},
			tell: func(e event) { e.Viewer = &i; c.tell(e) }}
		if c.decode() {
			v.judge = newJudge(c.m, delay, c.speaker.start, c.journal.shown, c.journal.apart)
			judges.Go(v.judge.run)
		}
		c.viewers = append(c.viewers, v)
		peers.Go(func() {
			c.viewing(1)
			defer c.viewing(-1)
			v.run(ctx)
		})
	}
	err := c.follow(ctx, delay)
	c.ended = time.Now()
	stop()
	peers.Wait()
	for _, v := range c.viewers {
		if v.judge != nil {
			v.judge.until = c.ended
			close(v.judge.queue)
		}
	}
	judges.Wait()
	after := context.WithoutCancel(ctx)
	if err != nil {
		return err
	}
	if err := c.look(after, delay); err != nil && !errors.Is(err, errSessionGone) {
		c.polls++
	}
	if err := c.client.end(after, c.made.Control); err != nil {
		c.unended = fmt.Errorf("end the session: %w", err)
	}
	return nil
}

func (c *call) tell(e event) {
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
	s, err := c.client.look(ctx, c.made.Control)
	var status statusError
	if errors.As(err, &status) && status.status == http.StatusNotFound {
		return errSessionGone
	}
	if err != nil {
		return err
	}
	after := time.Now()
	for lang, l := range c.ledgers {
		l.take(before, after, s.Now, s.Dubs[lang])
		c.firstDub(lang, l, delay)
	}
	return nil
}

// firstDub tells of the session's first dub, once it is known when it sounds.
func (c *call) firstDub(lang string, l *ledger, delay time.Duration) {
	began, started := c.speaker.start()
	at, known := l.firstDub(delay)
	if c.first != 0 || !started || !known {
		return
	}
	c.first = at.Sub(began)
	c.tell(event{Event: "first_dub", Lang: lang, FirstDubMS: tenth(ms(c.first))})
}
