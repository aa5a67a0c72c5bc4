package ingest

import (
	"context"
	"sync"
	"time"

	"livedub/media"
	"livedub/session/timeline"
)

// AudioBuffer is the delay buffer of sound: PCM at timeline.Rate, from which every
// dub reads at its own pace. Gaps read as silence. A writer waits while the
// slowest reader is too far behind.
type AudioBuffer struct {
	channels int
	span     int // instants held beyond the slowest reader, at most

	mu      sync.Mutex
	pcm     []int16 // interleaved, the instants from base on
	base    int
	readers map[*AudioReader]struct{}
	change  chan struct{} // closed and replaced when a reader moves
}

// AudioReader is one dub's place in the buffer.
type AudioReader struct {
	buffer *AudioBuffer
	at     int // next instant
}

// slack is how far a packet's stated time may be off the end of the sound
// before it and still follow on without a seam: rounding, and clocks slewing.
const slack = timeline.Rate / 200

// NewAudioBuffer returns an empty buffer that holds span beyond its slowest reader.
func NewAudioBuffer(channels int, span time.Duration) *AudioBuffer {
	return &AudioBuffer{
		channels: channels, span: media.TimeToSamples(span, timeline.Rate),
		readers: map[*AudioReader]struct{}{}, change: make(chan struct{}),
	}
}

// Channels returns how many channels it reads.
func (r *AudioReader) Channels() int { return r.buffer.channels }

// Seek moves the reader on to a time, never back.
func (r *AudioReader) Seek(to time.Duration) {
	r.buffer.mu.Lock()
	defer r.buffer.mu.Unlock()
	r.at = max(r.at, media.TimeToSamples(to, timeline.Rate))
}

// Channels returns how many channels it holds.
func (b *AudioBuffer) Channels() int { return b.channels }

// Reader returns a reader of what comes from now on.
func (b *AudioBuffer) Reader() *AudioReader {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &AudioReader{buffer: b}
	b.readers[r] = struct{}{}
	return r
}

// Put adds sound at its time, waiting while the buffer is full. What comes before
// the end of the buffer is cut off: it has been heard.
func (b *AudioBuffer) Put(ctx context.Context, s media.Samples) error {
	for {
		b.mu.Lock()
		if b.slowest()+b.span >= b.base+len(b.pcm)/b.channels {
			b.add(s)
			b.mu.Unlock()
			return ctx.Err()
		}
		wait := b.change
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait:
		}
	}
}

func (b *AudioBuffer) add(s media.Samples) {
	end := b.base + len(b.pcm)/b.channels
	at := media.TimeToSamples(s.PTS, s.Rate)
	if d := at - end; d <= slack && d >= -slack && end > 0 {
		at = end
	}
	data := s.Data
	if at < end {
		data = data[min(len(data), (end-at)*b.channels):]
		at = end
	}
	if low := b.slowest(); low >= end || at-low > 60*timeline.Rate {
		// All before has been read, or a gap longer than anyone would wait for.
		b.pcm, b.base = b.pcm[:0], at
	} else if at > end {
		b.pcm = append(b.pcm, make([]int16, (at-end)*b.channels)...)
	}
	b.pcm = append(b.pcm, data...)
}

// Read fills block with the sound from the reader's place on and moves it. It
// never waits: what is not there is silence.
func (r *AudioReader) Read(block []int16) {
	b := r.buffer
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(block)
	from := (r.at - b.base) * b.channels
	if from < 0 {
		if -from < len(block) {
			copy(block[-from:], b.pcm)
		}
	} else if from < len(b.pcm) {
		copy(block, b.pcm[from:])
	}
	r.at += len(block) / b.channels
	b.trim()
}

// Close gives its place up.
func (r *AudioReader) Close() {
	r.buffer.mu.Lock()
	defer r.buffer.mu.Unlock()
	delete(r.buffer.readers, r)
	r.buffer.trim()
}

func (b *AudioBuffer) slowest() int {
	low := -1
	for r := range b.readers {
		if low < 0 || r.at < low {
			low = r.at
		}
	}
	if low < 0 {
		return b.base + len(b.pcm)/b.channels // nobody listens: nothing is held
	}
	return low
}

// trim, called when a reader has moved, frees what all have read, a good piece
// at a time, and wakes the writer.
func (b *AudioBuffer) trim() {
	if n := b.slowest() - b.base; n >= timeline.Rate && n*b.channels <= len(b.pcm) {
		b.pcm = append(b.pcm[:0:0], b.pcm[n*b.channels:]...)
		b.base += n
	}
	close(b.change)
	b.change = make(chan struct{})
}
