package session

import (
	"context"
	"sync"
	"time"

	"livedub/media"
	"livedub/session/timeline"
)

// soundLine is the delay line of sound: PCM at timeline.Rate, from which every
// dub reads at its own pace. Holes read as silence. A writer waits while the
// slowest reader is too far behind.
type soundLine struct {
	channels int
	span     int // instants held beyond the slowest reader, at most

	mu      sync.Mutex
	pcm     []int16 // interleaved, the instants from base on
	base    int
	readers map[*soundReader]struct{}
	change  chan struct{} // closed and replaced when a reader moves
}

// soundReader is one dub's place in the line.
type soundReader struct {
	line *soundLine
	at   int // next instant
}

// slack is how far a packet's stated time may be off the end of the sound
// before it and still follow on without a seam: rounding, and clocks slewing.
const slack = timeline.Rate / 200

func newSoundLine(channels int, span time.Duration) *soundLine {
	return &soundLine{
		channels: channels, span: media.TimeToSamples(span, timeline.Rate),
		readers: map[*soundReader]struct{}{}, change: make(chan struct{}),
	}
}

// seek moves the reader on to a time, never back.
func (r *soundReader) seek(to time.Duration) {
	r.line.mu.Lock()
	defer r.line.mu.Unlock()
	r.at = max(r.at, media.TimeToSamples(to, timeline.Rate))
}

func (l *soundLine) reader() *soundReader {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &soundReader{line: l}
	l.readers[r] = struct{}{}
	return r
}

// put adds sound at its time, waiting while the line is full. What comes before
// the end of the line is cut off: it has been heard.
func (l *soundLine) put(ctx context.Context, s media.Samples) error {
	for {
		l.mu.Lock()
		if l.slowest()+l.span >= l.base+len(l.pcm)/l.channels {
			l.add(s)
			l.mu.Unlock()
			return ctx.Err()
		}
		wait := l.change
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait:
		}
	}
}

func (l *soundLine) add(s media.Samples) {
	end := l.base + len(l.pcm)/l.channels
	at := media.TimeToSamples(s.PTS, s.Rate)
	if d := at - end; d <= slack && d >= -slack && end > 0 {
		at = end
	}
	data := s.Data
	if at < end {
		data = data[min(len(data), (end-at)*l.channels):]
		at = end
	}
	if low := l.slowest(); low >= end || at-low > 60*timeline.Rate {
		// All before has been read, or a hole longer than anyone would wait for.
		l.pcm, l.base = l.pcm[:0], at
	} else if at > end {
		l.pcm = append(l.pcm, make([]int16, (at-end)*l.channels)...)
	}
	l.pcm = append(l.pcm, data...)
}

// read fills block with the sound from the reader's place on and moves it. It
// never waits: what is not there is silence.
func (r *soundReader) read(block []int16) {
	l := r.line
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(block)
	from := (r.at - l.base) * l.channels
	if from < 0 {
		if -from < len(block) {
			copy(block[-from:], l.pcm)
		}
	} else if from < len(l.pcm) {
		copy(block, l.pcm[from:])
	}
	r.at += len(block) / l.channels
	l.trim()
}

// close gives the place up.
func (r *soundReader) close() {
	r.line.mu.Lock()
	defer r.line.mu.Unlock()
	delete(r.line.readers, r)
	r.line.trim()
}

func (l *soundLine) slowest() int {
	low := -1
	for r := range l.readers {
		if low < 0 || r.at < low {
			low = r.at
		}
	}
	if low < 0 {
		return l.base + len(l.pcm)/l.channels // nobody listens: nothing is held
	}
	return low
}

// trim, called when a reader has moved, frees what all have read, a good piece
// at a time, and wakes the writer.
func (l *soundLine) trim() {
	if n := l.slowest() - l.base; n >= timeline.Rate && n*l.channels <= len(l.pcm) {
		l.pcm = append(l.pcm[:0:0], l.pcm[n*l.channels:]...)
		l.base += n
	}
	close(l.change)
	l.change = make(chan struct{})
}
