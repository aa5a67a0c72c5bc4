package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/session/timeline"
	"livedub/signaling"
)

// autoVoice is the voice that the speaker's pitch asks for, in the endpoints' words.
const autoVoice = "auto"

// Control changes how dubs are heard, all that is named or, with an error, nothing.
func (c *calls) Control(id string, is signaling.Controls) (signaling.Info, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return signaling.Info{}, refuse(err)
	}
	for lang := range is.Dubs {
		if !call.Has(lang) {
			return signaling.Info{}, noLanguage(call, lang)
		}
	}
	err = call.Control(slices.Sorted(maps.Keys(is.Dubs)), func(lang inference.Lang, was spec.Controls) spec.Controls {
		return changed(was, is.Dubs[lang])
	})
	if err != nil {
		return signaling.Info{}, refuse(err)
	}
	return c.info(call), nil
}

// changed returns controls with what is named changed.
func changed(c spec.Controls, by signaling.DubChange) spec.Controls {
	if by.Muted != nil {
		c.Muted = *by.Muted
	}
	if by.Paused != nil {
		c.Paused = *by.Paused
	}
	if by.Voice != nil {
		c.Voice = spec.VoiceKind(*by.Voice)
		if *by.Voice == autoVoice {
			c.Voice = ""
		}
	}
	if by.GainDB != nil {
		c.Gain = *by.GainDB
	}
	if by.Original != nil {
		c.Original = timeline.Background(*by.Original)
	}
	return c
}

// dubControls says in the words of signaling how a dub is heard.
func dubControls(d spec.DubState, original bool) signaling.DubControls {
	if original {
		return signaling.DubControls{}
	}
	c := d.Controls
	return signaling.DubControls{
		Muted: c.Muted, Paused: c.Paused, Voice: cmp.Or(string(c.Voice), autoVoice), GainDB: c.Gain, Original: string(cmp.Or(c.Original, timeline.Duck)),
	}
}

// Dump drops what was said in a session and has not been put out.
func (c *calls) Dump(id string) (signaling.Dumped, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return signaling.Dumped{}, refuse(err)
	}
	got := dumped(call.Dump())
	c.log.Warn("dumped: nobody hears or sees what was said last", "session", id, "from", got.From, "to", got.To, "phrases", len(got.Phrases))
	return got, nil
}

func dumped(d record.Dumped) signaling.Dumped {
	return signaling.Dumped{From: d.From, To: d.To, Phrases: d.Phrases}
}

// spoken says in the words of signaling how a phrase's dub is spoken, by output time.
func spoken(r record.Record, delay time.Duration) *signaling.Spoken {
	p := r.Placed
	at := p.DubStart + delay
	out := &signaling.Spoken{Lang: r.Lang, ID: r.Phrase, Text: p.Text, Voice: p.Voice, Start: at, End: p.DubEnd + delay}
	for _, w := range p.Words {
		w.Start, w.End = w.Start+at, w.End+at
		out.Words = append(out.Words, w)
	}
	for _, m := range p.Marks {
		m.At += at
		out.Marks = append(out.Marks, m)
	}
	return out
}
