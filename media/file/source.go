package file

// #include "demux.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"livedub/media"
)

// maxPacket is the largest access unit that is handed on, in bytes; a larger one is left out as a Gap.
const maxPacket = 64 << 20

// endSlack is how far before its stated end a whole file may stop.
const endSlack = 500 * time.Millisecond

// Source reads a media file. It implements media.Source.
//
// Session zero is the container's start_time, which the ffmpeg command calls 0
// too. What only primes the decoders comes before it: frames of negative time
// are not to be shown, and such sound carries SkipStart.
type Source struct {
	path     string
	tracks   []media.Track
	duration time.Duration

	mu        sync.Mutex // held by Read and Close: c is used by one of them
	c         *C.ld_reader
	file      *os.File
	ahead     ahead
	clock     timeline
	priming   priming
	streams   [2]stream     // audio, video
	stated    time.Duration // length of our tracks as the file itself states it, 0 if it does not
	last      time.Duration // end of what was read
	gap       [2]bool       // something of this track was left out
	ended     error         // what Read returns from now on
	truncated bool

	stopping    sync.Mutex // guards wake and the C reader's life against interrupt
	stopped     bool
	waker, wake *os.File // ends of a pipe that wakes a Read waiting on a pipe; nil for a regular file
}

// stream is what one of libavformat's streams needs to become packets.
type stream struct {
	index    int // -1: none
	num, den int // time base
}

var _ media.Source = (*Source)(nil)

// Tracks returns the chosen streams, sound first.
func (s *Source) Tracks() []media.Track { return s.tracks }

// Duration returns how long the file lasts, 0 if it does not tell.
func (s *Source) Duration() time.Duration { return s.duration }

// Truncated tells, once Read has returned io.EOF, whether the file holds less
// than it says of itself. Formats that say nothing (captures of broadcasts) are never truncated.
func (s *Source) Truncated() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.truncated
}

// Read returns the next access unit in the order of the file. A Read that ctx
// ends while it waits ends the Source too: what it was in the midst of is lost.
func (s *Source) Read(ctx context.Context) (media.Packet, error) {
	if err := ctx.Err(); err != nil {
		return media.Packet{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c == nil {
		return media.Packet{}, s.ended
	}
	stop := context.AfterFunc(ctx, s.interrupt)
	defer stop()
	for {
		r, ok := s.ahead.pop(s.ended != nil)
		if ok {
			return s.finish(r), nil
		}
		if s.ended != nil {
			s.truncated = s.truncated || errors.Is(s.ended, io.EOF) && s.stated-s.last > endSlack
			return media.Packet{}, s.ended
		}
		var c C.ld_packet
		if code := C.ld_read(s.c, &c); code < 0 {
			s.ended = s.end(ctx, code)
		} else if r, ok := s.packet(&c); ok {
			s.ahead.queue = append(s.ahead.queue, r)
		}
	}
}

// end tells why no more packets come.
func (s *Source) end(ctx context.Context, code C.int) error {
	s.stopping.Lock()
	stopped := s.stopped
	s.stopping.Unlock()
	switch errno := C.ld_errno(s.c); {
	case stopped && ctx.Err() != nil:
		return ctx.Err()
	case stopped:
		return fmt.Errorf("%s: %w", s.path, os.ErrClosed)
	case errno != 0:
		return fmt.Errorf("%s: %w", s.path, syscall.Errno(errno))
	}
	s.truncated = s.truncated || code != C.LD_EOF || C.ld_cut(s.c) != 0
	return io.EOF
}

// packet takes c over; ok is false if there is nothing to hand on.
func (s *Source) packet(c *C.ld_packet) (r raw, ok bool) {
	i := 0
	if int(c.stream) == s.streams[1].index {
		i = 1
	}
	if c.corrupt != 0 && C.ld_at_end(s.c) != 0 { // cut in the midst of this packet
		s.truncated = true
		return r, false
	}
	if c.size > maxPacket {
		s.gap[i] = true
		return r, false
	}
	st := s.streams[i]
	at := func(ts C.int64_t) time.Duration {
		if ts == C.LD_NONE {
			return unknown
		}
		return toTime(int64(ts), st.num, st.den)
	}
	r = raw{pts: at(c.pts), dts: at(c.dts), duration: at(c.duration)}
	r.p = media.Packet{
		Kind:     media.Kind(i + 1),
		Duration: max(r.duration, 0),
		Key:      c.key != 0,
		Gap:      s.gap[i] || c.corrupt != 0,
		Data:     C.GoBytes(unsafe.Pointer(c.data), c.size),
	}
	s.gap[i] = false
	if i == 0 {
		r.p.SkipStart, r.p.SkipEnd = s.priming.skips(r.p.Duration, uint32(c.skip_start), uint32(c.skip_end), c.discard != 0)
	}
	return r, true
}

// finish puts a packet on the session's clock.
func (s *Source) finish(r raw) media.Packet {
	p := r.p
	var jump bool
	p.PTS, p.DTS, jump = s.clock.place(int(p.Kind-1), r.pts, r.dts, r.duration)
	p.Gap = p.Gap || jump
	s.last = max(s.last, p.PTS+p.Duration)
	return p
}

// interrupt makes a waiting Read return.
func (s *Source) interrupt() {
	s.stopping.Lock()
	defer s.stopping.Unlock()
	if s.stopped {
		return
	}
	s.stopped = true
	if s.c != nil {
		C.ld_stop(s.c)
	}
	if s.wake != nil {
		s.wake.Close() // its other end becomes readable
	}
}

// Close frees everything. A Read that waits fails.
func (s *Source) Close() error {
	s.interrupt()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = fmt.Errorf("%s: %w", s.path, os.ErrClosed)
	s.free()
	return nil
}

// free runs with no Read under way and after interrupt.
func (s *Source) free() {
	s.stopping.Lock()
	c := s.c
	s.c = nil
	s.stopping.Unlock()
	C.ld_free(c)
	for _, f := range []*os.File{s.file, s.waker, s.wake} {
		if f != nil {
			f.Close()
		}
	}
}
