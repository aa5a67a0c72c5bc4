package main

import (
	"context"
	"encoding/json"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/report"
	"livedub/session/spec"
	"livedub/signaling"
)

// Events returns what happens in a session, or what has since an event that a client has had.
func (c *calls) Events(id string, since signaling.Since) (signaling.Events, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return nil, refuse(err)
	}
	all := call.Records()
	next := all.Last() + 1
	switch {
	case !since.Resume:
		return events{all.From(next), since.Spoken, *call.Spec.Delay}, nil
	case since.All:
		return events{all.From(min(since.After, next) + 1), since.Spoken, *call.Spec.Delay}, nil
	}
	return events{all.Recent(min(since.After, next) + 1), since.Spoken, *call.Spec.Delay}, nil
}

// events are a session's records in the words of signaling.
type events struct {
	*record.Reader
	spoken bool // how dubs are spoken is told too
	delay  time.Duration
}

func (e events) Next(ctx context.Context) (signaling.Event, error) {
	for {
		r, err := e.Reader.Next(ctx)
		if err != nil {
			return signaling.Event{}, err
		}
		if r.Placed != nil && e.spoken {
			return signaling.Event{Seq: r.Seq, Spoken: spoken(r, e.delay)}, nil
		}
		if out, told := event(r); told {
			return out, nil
		}
	}
}

// event says in the words of signaling what happened; clients are not told of all.
func event(r record.Record) (out signaling.Event, told bool) {
	out.Seq = r.Seq
	switch c := r.Caption(); {
	case c != nil:
		out.Caption = new(signaling.Caption(*c))
	case r.Ladder != nil:
		l := r.Ladder
		out.Ladder = &signaling.LadderChange{Lang: l.Lang, Level: string(l.Level), Why: l.Why, At: l.At}
	case r.Dumped != nil:
		out.Dumped = new(dumped(*r.Dumped))
	case r.Output != nil:
		out.Output = &signaling.OutputState{ID: r.Output.ID, State: r.Output.State}
	case r.Drain != nil:
		out.Drain = &signaling.Drain{Until: r.Drain.Until}
	case r.Moved != nil:
		out.Moved = &signaling.Moved{Fence: r.Moved.Fence}
	case r.Lost != nil:
		out.Lost = &signaling.Lost{Records: r.Lost.Records}
	default:
		return out, false
	}
	return out, true
}

// historyTime bounds the reading of a whole session from disk.
const historyTime = 20 * time.Second

// Captions returns the final captions of a session in one language as WebVTT.
func (c *calls) Captions(ctx context.Context, id string, lang inference.Lang) ([]byte, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return nil, refuse(err)
	}
	p, err := phrases(ctx, call.Records())
	if err != nil {
		return nil, err
	}
	cues := report.Cues(p, call.Spec.From, lang)
	if len(cues) == 0 && !call.Has(lang) {
		return nil, noLanguage(call, lang)
	}
	return report.VTT(cues), nil
}

// Report returns what became of every phrase of a session, as JSON.
func (c *calls) Report(ctx context.Context, id string) ([]byte, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return nil, refuse(err)
	}
	p, err := phrases(ctx, call.Records())
	if err != nil {
		return nil, err
	}
	st := call.State()
	st.Ended = call.Clock.Now()
	r := report.Whole(spec.Config{From: call.Spec.From, To: call.Targets(), Profile: call.Spec.Profile, Delay: *call.Spec.Delay}, st, p)
	return json.Marshal(r)
}

func phrases(ctx context.Context, s *record.Stream) (*record.Phrases, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	return s.Phrases(ctx)
}
