package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"livedub/internal/testkit/caller"
)

// startLine is the first line of JSON.
type startLine struct {
	Event     string   `json:"event"` // start
	Base      string   `json:"base"`
	Transport string   `json:"transport"` // whip or ws
	Sessions  int      `json:"sessions"`
	Viewers   int      `json:"viewers_each"`
	From      string   `json:"from"`
	To        []string `json:"to"`
	Profile   string   `json:"profile"` // "": the server's
	RampS     float64  `json:"ramp_s"`
	ForS      float64  `json:"for_s"`
	LoopS     float64  `json:"loop_s"`       // of what speakers say
	Phrases   int      `json:"loop_phrases"` // in it, where that is known
}

// sessionLine is what one session measured.
type sessionLine struct {
	Event      string               `json:"event"` // session
	Session    int                  `json:"session"`
	ID         string               `json:"id"`
	OK         bool                 `json:"ok"`
	Error      string               `json:"error,omitempty"`
	NoPlace    bool                 `json:"no_place,omitempty"` // that is why
	Profile    string               `json:"profile"`
	DelayMS    int                  `json:"delay_ms"`
	ConnectMS  *float64             `json:"connect_ms"`   // of the speaker: request to media
	FirstDubMS *float64             `json:"first_dub_ms"` // first packet sent to the first dub that sounds
	Sent       sentLine             `json:"sent"`
	Phrases    caller.PhraseFigures `json:"phrases"` // of all languages together
	Ladder     map[string]int       `json:"ladder_steps"`
	PollErrors int                  `json:"poll_errors"`
	Viewers    []viewerLine         `json:"viewers"`

	series allSeries
}

// sentLine is what a speaker did.
type sentLine struct {
	Frames      int             `json:"frames"`
	Packets     int             `json:"packets"`
	LagMS       *caller.Figures `json:"lag_ms"` // how late frames left: large where this machine is too slow
	Keyframes   int             `json:"keyframe_requests"`
	Lost        int             `json:"connections_lost"`
	SourceGapMS float64         `json:"source_gap_ms"` // all the time without a connection
}

// viewerLine is what one viewer got. What is nil was not measured.
type viewerLine struct {
	Viewer       int      `json:"viewer"`
	Lang         string   `json:"lang"`
	Codec        string   `json:"codec"`
	ConnectMS    *float64 `json:"connect_ms"`
	FirstFrameMS *float64 `json:"first_frame_ms"`
	Lost         int      `json:"connections_lost"`
	Moved        int      `json:"connections_moved"` // another one took over before they ended

	Frames      int             `json:"frames"`
	Freezes     int             `json:"freezes"` // no frame for more than 200 ms
	FrozenMS    float64         `json:"frozen_ms"`
	Damaged     int             `json:"frames_damaged"`
	FrameLoss   int             `json:"video_packets_lost"`
	PLIs        int             `json:"keyframe_requests"`
	Sounds      int             `json:"audio_packets"`
	SoundLoss   int             `json:"audio_packets_lost"`
	Gaps        int             `json:"gaps"` // no sound for more than 100 ms
	GapMaxMS    float64         `json:"gap_max_ms"`
	AVArrivalMS *caller.Figures `json:"av_arrival_ms"` // how much later than sound of the same time frames come

	Decoded       bool            `json:"decoded"` // what follows is measured by such viewers only
	GlassMS       *caller.Figures `json:"glass_to_glass_ms"`
	AVOffsetMS    *caller.Figures `json:"av_offset_ms"` // positive: sound is late
	Missing       int             `json:"frames_missing"`
	Twice         int             `json:"frames_twice"`
	Misread       int             `json:"frames_misread"`
	LeftOut       int             `json:"left_out"` // not judged, for want of time
	PhrasesHeard  int             `json:"phrases_sounding"`
	PhrasesSilent int             `json:"phrases_silent"`
}

// endLine is the last line: all sessions together.
type endLine struct {
	Event     string  `json:"event"` // end
	At        float64 `json:"at"`
	Sessions  int     `json:"sessions"`
	Started   int     `json:"started"`
	Failed    int     `json:"failed"`
	FirstFail string  `json:"first_failure,omitempty"`
	NoPlace   int     `json:"no_place"` // of those that failed: there was no room for them

	Figures       endFigures           `json:"figures"`
	Phrases       caller.PhraseFigures `json:"phrases"`
	PhrasesHeard  int                  `json:"phrases_sounding"`
	PhrasesSilent int                  `json:"phrases_silent"`
	Freezes       int                  `json:"freezes"`
	FrozenMS      float64              `json:"frozen_ms"`
	Gaps          int                  `json:"gaps"`
	GapMaxMS      float64              `json:"gap_max_ms"`
	FramesMissing int                  `json:"frames_missing"`
	FramesTwice   int                  `json:"frames_twice"`
	Lost          int                  `json:"connections_lost"`
	SourceGapMS   float64              `json:"source_gap_ms"`
	LinesDropped  int                  `json:"lines_dropped"`
}

// endFigures are over all sessions.
type endFigures struct {
	SpeakerConnectMS *caller.Figures `json:"speaker_connect_ms"`
	ViewerConnectMS  *caller.Figures `json:"viewer_connect_ms"`
	FirstFrameMS     *caller.Figures `json:"first_frame_ms"`
	FirstDubMS       *caller.Figures `json:"first_dub_ms"`
	GlassMS          *caller.Figures `json:"glass_to_glass_ms"`
	AVOffsetMS       *caller.Figures `json:"av_offset_ms"`
	AVArrivalMS      *caller.Figures `json:"av_arrival_ms"`
	SendLagMS        *caller.Figures `json:"send_lag_ms"`
}

// allSeries are what quantiles over all sessions are made of.
type allSeries struct{ connect, views, frame, dub, glass, offset, arrival, lag caller.Series }

func (a *allSeries) join(b *allSeries) {
	for _, p := range []struct{ to, from *caller.Series }{{&a.connect, &b.connect}, {&a.views, &b.views}, {&a.frame, &b.frame}, {&a.dub, &b.dub},
		{&a.glass, &b.glass}, {&a.offset, &b.offset}, {&a.arrival, &b.arrival}, {&a.lag, &b.lag}} {
		p.to.Join(p.from)
	}
}

// figure returns a number that was measured, else nil.
func figure(v float64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return new(caller.Tenth(v))
}

// line gathers what a session measured; nothing of it runs any more. err is why it ended early.
func (c *call) line(err error) sessionLine {
	l := sessionLine{Event: "session", Session: c.n, ID: c.made.ID, Profile: c.made.Profile, DelayMS: c.made.DelayMS,
		PollErrors: c.polls, Viewers: []viewerLine{}, Ladder: map[string]int{}}
	var spoke caller.SpeakerTally
	if c.speaker != nil {
		spoke = c.speaker.Tally()
		started := !spoke.Began.IsZero()
		l.ConnectMS, l.FirstDubMS = figure(spoke.ConnectMS, started), figure(caller.MS(c.first), c.first != 0)
		l.Sent = sentLine{spoke.Frames, spoke.Packets, spoke.Lag.Figures(), spoke.Keyframes, spoke.Lost, caller.Tenth(caller.MS(spoke.Away))}
		l.series.lag.Join(&spoke.Lag)
		if started {
			l.series.connect.Add(spoke.ConnectMS)
		}
		if c.first != 0 {
			l.series.dub.Add(caller.MS(c.first))
		}
		if err == nil {
			err = spokeWell(spoke, c.ended.Sub(c.opened))
		}
		c.phrases(&l, spoke.Began)
	}
	for i, v := range c.viewers {
		saw := v.Tally()
		l.Viewers = append(l.Viewers, lineOf(i, saw, &l.series))
		if err == nil {
			err = sawWell(i, saw, c.ended.Sub(c.opened), talked(spoke, c.ended)-time.Duration(c.made.DelayMS)*time.Millisecond)
		}
	}
	if err == nil {
		err = c.unended
	}
	l.OK = err == nil
	if err != nil {
		l.Error, l.NoPlace = err.Error(), full(err)
	}
	return l
}

// phrases adds up what became of the phrases in each language.
func (c *call) phrases(l *sessionLine, began time.Time) {
	for lang, led := range c.ledgers {
		l.Phrases.Add(led.Figures(c.m, began, c.ended, time.Duration(c.made.DelayMS)*time.Millisecond))
		l.Ladder[lang] = led.Steps()
	}
}

// lineOf tells what a viewer measured.
func lineOf(i int, v caller.ViewerTally, all *allSeries) viewerLine {
	l := viewerLine{Viewer: i, Lang: v.Lang, Codec: v.Codec, ConnectMS: figure(v.ConnectMS, v.Reached), FirstFrameMS: figure(v.FirstMS, v.Frames > 0),
		Lost: v.Lost, Moved: v.Moved, Frames: v.Frames, Freezes: v.Freezes, FrozenMS: caller.Tenth(caller.MS(v.Frozen)), Damaged: v.Damaged,
		FrameLoss: v.LostFrames, PLIs: v.Keyframes, Sounds: v.Sounds, SoundLoss: v.LostSounds, Gaps: v.Gaps, GapMaxMS: caller.Tenth(caller.MS(v.GapMax)),
		AVArrivalMS: v.Arrival.Figures()}
	if v.Reached {
		all.views.Add(v.ConnectMS)
	}
	if v.Frames > 0 {
		all.frame.Add(v.FirstMS)
	}
	all.arrival.Join(&v.Arrival)
	if v.Judged != nil {
		j := v.Judged.Tally()
		l.Decoded, l.GlassMS, l.AVOffsetMS = true, j.Glass.Figures(), j.Offset.Figures()
		l.Missing, l.Twice, l.Misread, l.LeftOut = j.Missing, j.Twice, j.Misread, j.LeftOut
		l.PhrasesHeard, l.PhrasesSilent = j.Sounded, j.Silent
		all.glass.Join(&j.Glass)
		all.offset.Join(&j.Offset)
	}
	return l
}

// dueAfter is how long it may take to connect, and a viewer to see something once it is there.
const dueAfter = 5 * time.Second

// spokeWell returns why a speaker failed that had so long; nil where it did not.
func spokeWell(s caller.SpeakerTally, had time.Duration) error {
	switch {
	case s.Failed != nil:
		return fmt.Errorf("the speaker: %w", s.Failed)
	case s.Began.IsZero() && had > dueAfter:
		return fmt.Errorf("the speaker: no connection in %.1f s: is the server's media port reachable?", had.Seconds())
	}
	return nil
}

// talked returns how long there was something to see, D not counted.
func talked(s caller.SpeakerTally, end time.Time) time.Duration {
	if s.Began.IsZero() {
		return 0
	}
	return end.Sub(s.Began)
}

// sawWell returns why a viewer failed that had so long, with something to see
// for a part of it; nil where it did not.
func sawWell(i int, v caller.ViewerTally, had, shown time.Duration) error {
	switch {
	case v.Failed != nil:
		return fmt.Errorf("viewer %d: %w", i, v.Failed)
	case !v.Reached && had > dueAfter:
		return fmt.Errorf("viewer %d: no connection in %.1f s: is the server's media port reachable?", i, had.Seconds())
	case v.Frames == 0 && shown > dueAfter:
		return fmt.Errorf("viewer %d: no frame came in %.1f s", i, shown.Seconds())
	}
	return nil
}

// report is what a load measured.
type report struct {
	End      endLine
	Journal  *journal
	Sessions []sessionLine
}

// sum adds sessions up; those that were not started are nil.
func sum(o options, j *journal, results []*sessionLine) *report {
	r := &report{Journal: j}
	e := endLine{Event: "end", At: caller.Tenth(j.at()), Sessions: o.sessions, LinesDropped: j.dropped}
	var all allSeries
	for _, s := range results {
		if s == nil {
			continue
		}
		r.Sessions = append(r.Sessions, *s)
		e.Started++
		if !s.OK {
			e.Failed++
			if s.NoPlace {
				e.NoPlace++
			}
			if e.FirstFail == "" {
				e.FirstFail = fmt.Sprintf("session %d: %s", s.Session, s.Error)
			}
		}
		all.join(&s.series)
		e.Phrases.Add(s.Phrases)
		e.Lost, e.SourceGapMS = e.Lost+s.Sent.Lost, caller.Tenth(e.SourceGapMS+s.Sent.SourceGapMS)
		for _, v := range s.Viewers {
			e.Freezes, e.FrozenMS, e.Gaps, e.GapMaxMS = e.Freezes+v.Freezes, caller.Tenth(e.FrozenMS+v.FrozenMS), e.Gaps+v.Gaps, max(e.GapMaxMS, v.GapMaxMS)
			e.FramesMissing, e.FramesTwice, e.Lost = e.FramesMissing+v.Missing, e.FramesTwice+v.Twice, e.Lost+v.Lost
			e.PhrasesHeard, e.PhrasesSilent = e.PhrasesHeard+v.PhrasesHeard, e.PhrasesSilent+v.PhrasesSilent
		}
	}
	e.Figures = endFigures{all.connect.Figures(), all.views.Figures(), all.frame.Figures(), all.dub.Figures(),
		all.glass.Figures(), all.offset.Figures(), all.arrival.Figures(), all.lag.Figures()}
	r.End = e
	return r
}

// lagLimit is the send lag, in ms, above which the figures tell more of this machine than of the server.
const lagLimit = 50

// table prints a report for people.
func (r *report) table(w io.Writer) error {
	e := r.End
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "sessions\t%d of %d started, %d failed, %.1f s\n", e.Started, e.Sessions, e.Failed, e.At)
	fmt.Fprintln(t, "\tp50\tp95\tp99\tmax\tsamples")
	for _, row := range []struct {
		name string
		f    *caller.Figures
	}{
		{"speaker connects, ms", e.Figures.SpeakerConnectMS}, {"viewer connects, ms", e.Figures.ViewerConnectMS}, {"first frame, ms", e.Figures.FirstFrameMS},
		{"first dub, ms", e.Figures.FirstDubMS}, {"glass to glass, ms", e.Figures.GlassMS}, {"A/V offset, ms", e.Figures.AVOffsetMS},
		{"A/V arrival, ms", e.Figures.AVArrivalMS}, {"sent late, ms", e.Figures.SendLagMS},
	} {
		if f := row.f; f != nil {
			fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%d\n", row.name, f.P50, f.P95, f.P99, f.Max, f.N)
		} else {
			fmt.Fprintf(t, "%s\t-\t-\t-\t-\t0\n", row.name)
		}
	}
	fmt.Fprintf(t, "freezes\t%d, %.1f s in all; frames missing %d, twice %d\n", e.Freezes, e.FrozenMS/1000, e.FramesMissing, e.FramesTwice)
	fmt.Fprintf(t, "gaps in sound\t%d, the longest %.0f ms\n", e.Gaps, e.GapMaxMS)
	said := "not known"
	if e.Phrases.Said != nil {
		said = fmt.Sprintf("%d, lost %d", *e.Phrases.Said, *e.Phrases.Lost)
	}
	fmt.Fprintf(t, "phrases said\t%s; dubbed %d, skipped %d, twice %d; silent at a viewer %d of %d\n", said, e.Phrases.Played, e.Phrases.Skipped, e.Phrases.Twice,
		e.PhrasesSilent, e.PhrasesSilent+e.PhrasesHeard)
	fmt.Fprintf(t, "connections lost\t%d; speakers away for %.1f s\n", e.Lost, e.SourceGapMS/1000)
	if e.NoPlace > 0 {
		fmt.Fprintf(t, "note\t%d of %d sessions found no place: their server has no more, or no CPU left for more: fewer sessions, or more nodes\n", e.NoPlace, e.Sessions)
	}
	if f := e.Figures.SendLagMS; f != nil && f.P95 > lagLimit {
		fmt.Fprintf(t, "note\tframes left up to %.0f ms late: this machine is too slow for so many sessions\n", f.Max)
	}
	return t.Flush()
}
