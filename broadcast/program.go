package broadcast

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/media/hls"
	"livedub/session/record"
)

// source is the call that a program is of.
type source struct {
	session, epoch, from string
	delay                time.Duration
	now                  func() time.Duration                               // the session clock's
	attach               func(lang string, sink media.Sink) (func(), error) // detach is returned
	lips                 func() bool                                        // some dub has a picture of its own
}

// Program is one call as it is broadcast.
type Program struct {
	source
	cfg  Config
	zero time.Time // wall time of output time 0
	used atomic.Int64

	tending sync.WaitGroup
	wake    chan struct{} // holds one where there is something to do
	over    chan struct{} // closed at the call's end

	captions captions

	mu        sync.Mutex
	wanted    []string // languages that the call has, the original last
	languages []*language
	film      string        // the language whose picture all share; "" where each has its own
	change    chan struct{} // closed and replaced where languages changes
	ended     bool
	pictures  bool      // what lips said
	asked     time.Time // when
}

// language is one language on the air.
type language struct {
	lang   string
	stream *hls.Stream
	frames bool      // its sink takes them; used by tend alone
	sink   *hls.Sink // nil while none is attached; used by tend alone
	detach func()
	tried  time.Time
	gone   time.Time // when it ended; zero while it goes on
}

func newProgram(c Config, s source) *Program {
	return &Program{
		source: s, cfg: c, zero: time.Now().Add(-s.now()), captions: captions{from: s.from, delay: s.delay},
		wake: make(chan struct{}, 1), over: make(chan struct{}), change: make(chan struct{}), wanted: []string{s.from},
	}
}

// Session returns the name and the epoch of the call.
func (p *Program) Session() (id, epoch string) { return p.session, p.epoch }

// take takes a record of the call.
func (p *Program) take(x record.Record) {
	p.captions.take(x, p.now())
	if x.Targets == nil {
		return
	}
	var to []string
	for _, lang := range x.Targets.To {
		if string(lang) != p.from {
			to = append(to, string(lang))
		}
	}
	p.mu.Lock()
	p.wanted = append(to, p.from)
	p.mu.Unlock()
	p.rouse()
}

// end takes the end of the call, and returns when nothing is taken from it anymore.
func (p *Program) end() {
	close(p.over)
	p.tending.Wait()
}

func (p *Program) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// touch takes note that somebody asks.
func (p *Program) touch() {
	was := p.used.Swap(time.Now().UnixNano())
	if was == 0 || time.Now().UnixNano()-was > int64(tick) {
		p.rouse()
	}
}

// watched tells whether the program is to be on the air.
func (p *Program) watched(now time.Time) bool {
	return p.cfg.Always || now.UnixNano()-p.used.Load() < int64(p.cfg.Idle)
}

// tend keeps the program on the air while it is watched, until the call's end.
func (p *Program) tend(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	if p.cfg.Always {
		p.rouse()
	}
	for on := false; ; {
		var c <-chan time.Time
		if on {
			c = ticker.C
		}
		select {
		case <-p.wake:
		case <-c:
		case <-p.over:
			p.close(true)
			return
		case <-ctx.Done():
			p.close(true)
			<-p.over
			return
		}
		now := time.Now()
		if on = p.watched(now); !on {
			p.close(false)
			continue
		}
		err := guard.Do("broadcast", func() error {
			p.keep(now)
			return nil
		})
		if err != nil {
			p.cfg.Log.Error("a broadcast broke off", "session", p.session, "err", err)
		}
	}
}

// keep attaches what is to be on the air and is not, and lets go of the rest.
func (p *Program) keep(now time.Time) {
	p.mu.Lock()
	wanted, all := p.wanted, slices.Clone(p.languages)
	p.mu.Unlock()
	film := "" // nobody's mouth is re-rendered: the picture is encoded for one language alone
	if !p.ownPictures(now) {
		film = wanted[0]
	}
	changed := false
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(l *language) bool { return l.lang == name && l.gone.IsZero() }) {
			all = slices.DeleteFunc(all, func(l *language) bool { return l.lang == name }) // it has come back
			all = append(all, &language{lang: name, stream: hls.New(p.zero, func(from, to time.Duration) []byte {
				return p.captions.text(name, from, to)
			})})
			changed = true
		}
	}
	for _, l := range all {
		switch {
		case !l.gone.IsZero():
		case !slices.Contains(wanted, l.lang):
			l.close()
			l.stream.End()
			l.gone = now
		default:
			p.feed(l, film == "" || l.lang == film, now)
		}
	}
	if n := len(all); n > 0 {
		all = slices.DeleteFunc(all, func(l *language) bool { return !l.gone.IsZero() && now.Sub(l.gone) > p.cfg.Tail })
		changed = changed || len(all) != n
	}
	p.mu.Lock()
	changed = changed || film != p.film
	p.film = film
	p.mu.Unlock()
	if changed {
		p.set(all, false)
	}
}

// feed sees to it that a language has a sink, with frames or without, and that its
// playlists go on.
func (p *Program) feed(l *language, frames bool, now time.Time) {
	if l.sink != nil && l.frames != frames {
		l.close()
		l.tried = time.Time{}
	}
	if l.sink != nil {
		select {
		case <-l.sink.Closed(): // it was detached
			l.close()
		default:
		}
	}
	if l.sink == nil && now.Sub(l.tried) >= againAfter {
		l.tried = now
		sink := l.stream.Sink(frames)
		detach, err := p.attach(l.lang, sink)
		if err != nil {
			p.cfg.Log.Debug("a language cannot be broadcast now: it is tried again", "session", p.session, "lang", l.lang, "err", err)
			return
		}
		l.sink, l.detach, l.frames = sink, detach, frames
	}
	l.stream.Advance(p.now() - slack)
}

// shown returns what players get of a language that is on the air: its own picture, or
// the one that all share. The caller has the lock.
func (p *Program) shown(l *language) *hls.Stream {
	for _, f := range p.languages {
		if f.lang == p.film && f != l && l.gone.IsZero() {
			return l.stream.Under(f.stream)
		}
	}
	return l.stream
}

// close takes the language's sink away.
func (l *language) close() {
	if l.detach != nil {
		l.detach()
	}
	l.sink, l.detach = nil, nil
}

// close takes the program off the air; at the call's end its last seconds stay.
func (p *Program) close(ended bool) {
	p.mu.Lock()
	all := p.languages
	p.mu.Unlock()
	for _, l := range all {
		l.close()
		l.stream.End()
	}
	if !ended {
		all = nil
	}
	p.set(all, ended)
}

func (p *Program) set(all []*language, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.languages, p.ended = all, p.ended || ended
	close(p.change)
	p.change = make(chan struct{})
}

func (p *Program) figures() (on bool, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.languages {
		bytes += l.stream.Size()
	}
	return len(p.languages) > 0 && !p.ended, bytes
}
