package main

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"livedub/internal/testkit/caller"
)

// maxLines bounds the lines about single events; sessions and the end are told in any case.
const maxLines = 200_000

// journal writes lines of JSON and keeps what is drawn over time. Its methods are safe
// for concurrent use.
type journal struct {
	began time.Time

	mu      sync.Mutex
	enc     *json.Encoder // nil: no lines
	lines   int
	dropped int
	err     error

	connect, dub, glass, offset bins // ms
	freezes, gaps, lost, failed bins // counts
	sessions, viewers           bins // at a time
}

func newJournal(w io.Writer) *journal {
	j := &journal{began: time.Now()}
	if w != nil {
		j.enc = json.NewEncoder(w)
		j.enc.SetEscapeHTML(false)
	}
	return j
}

// at returns the seconds since the load began.
func (j *journal) at() float64 { return time.Since(j.began).Seconds() }

// tell writes an event and draws it.
func (j *journal) tell(e caller.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.at()
	e.At = float64(int(1000*now)) / 1000
	switch e.Event {
	case "connected":
		j.connect.add(now, e.ConnectMS)
	case "first_dub":
		j.dub.add(now, e.FirstDubMS)
	case "freeze":
		j.freezes.add(now, 1)
	case "gap":
		j.gaps.add(now, 1)
	case "lost":
		j.lost.add(now, 1)
	case "failed":
		j.failed.add(now, 1)
	}
	if j.lines == maxLines {
		j.dropped++
		return
	}
	j.lines++
	j.write(e)
}

// line writes any other line.
func (j *journal) line(v any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(v)
}

func (j *journal) write(v any) {
	if j.enc != nil && j.err == nil {
		j.err = j.enc.Encode(v)
	}
}

// shown draws how late a frame came; apart how far a marker is from its frame.
func (j *journal) shown(delayMS float64) { j.draw(&j.glass, delayMS) }
func (j *journal) apart(offMS float64)   { j.draw(&j.offset, offMS) }

func (j *journal) draw(b *bins, v float64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b.add(j.at(), v)
}

// running draws how much runs now.
func (j *journal) running(sessions, viewers int) {
	j.draw(&j.sessions, float64(sessions))
	j.draw(&j.viewers, float64(viewers))
}
