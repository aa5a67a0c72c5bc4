package lips

import (
	"time"

	"livedub/inference"
)

// of returns what is known of one person's mouth in the frame; nil for nothing.
func (v *view) of(who inference.Person) *view {
	if who == inference.Anyone {
		return v
	}
	if v.face != 0 && v.who == who {
		return v
	}
	for _, w := range v.beside {
		if w.face != 0 && w.who == who {
			return w
		}
	}
	return nil
}

// viewOf returns what is known of the mouth that is asked for; nil where it cannot be made.
func viewOf(r inference.LipsRequest) *view {
	v, ok := r.Snapshot.(*view)
	if !ok || len(r.Mouth) == 0 {
		return nil
	}
	if v = v.of(r.Person); v == nil || v.face == 0 {
		return nil
	}
	return v
}

// shown is the mouth that one face had in the last frame.
type shown struct {
	chooser chooser
	mouth   []inference.MouthShape
	amount  float64
	rise    float64 // 0..1: how far it has come, where another one's had to go
	at      time.Duration
	net     bool // a net made it: nothing else fades it out
}

// part is one mouth that a frame is to get.
type part struct {
	*view
	r    inference.LipsRequest
	main bool // the one that the request is for
}

const (
	away      = 120 * time.Millisecond // without a mouth: the next one begins anew
	forgotten = 10 * time.Second
)

// parts returns the mouths that a frame is to get, each of another face: the one that
// is asked for, those that are asked for beside it, and those that have to fade since
// the phrase turned out to be another's.
func (s *stream) parts(r inference.LipsRequest) []part {
	known, ok := r.Snapshot.(*view)
	if !ok {
		return nil
	}
	at := r.Frame.PTS
	for face, f := range s.shown {
		switch gap := (at - f.at).Abs(); {
		case gap > forgotten:
			delete(s.shown, face)
		case gap > away:
			f.amount, f.rise = 0, 1
		}
	}
	var out []part
	add := func(who inference.Person, mouth []inference.MouthShape, amount float64, main bool) {
		v := known.of(who)
		if v == nil || v.face == 0 || len(mouth) == 0 {
			return
		}
		for _, p := range out {
			if p.face == v.face {
				return
			}
		}
		if who == inference.Anyone {
			amount = min(amount, v.turn)
		}
		p := part{view: v, r: r, main: main}
		p.r.Mouth, p.r.Amount = mouth, amount
		out = append(out, p)
	}
	add(r.Person, r.Mouth, r.Amount, true)
	for _, o := range r.Also {
		add(o.Person, o.Mouth, o.Amount, false)
	}
	asked := len(out)
	for _, v := range append([]*view{known}, known.beside...) {
		if f := s.shown[v.face]; f != nil && v.face != 0 && !f.net && f.amount-fadeStep > least {
			add(v.who, f.mouth, f.amount-fadeStep, false)
		}
	}
	for i := range out {
		p := &out[i]
		f := s.shown[p.face]
		if f == nil {
			f = &shown{rise: 1}
			if s.shown == nil {
				s.shown = map[int]*shown{}
			}
			s.shown[p.face] = f
		}
		if f.amount == 0 && len(out) > asked { // another mouth goes meanwhile
			f.rise = 0
		}
		f.rise = min(f.rise+riseStep, 1)
		p.r.Amount = min(p.r.Amount, f.rise)
		f.mouth, f.amount, f.at = p.r.Mouth, p.r.Amount, at
	}
	return out
}

// How fast a mouth comes and goes, per frame.
const (
	fadeStep = .34
	riseStep = .2
)
