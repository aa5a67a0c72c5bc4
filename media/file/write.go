package file

// #include "mux.h"
import "C"

import (
	"fmt"
	"time"
	"unsafe"

	"livedub/media"
)

// Write takes one access unit. It reaches the disk up to two seconds of media
// later, in the order of decoding. After an error of the disk every Write fails.
func (s *Sink) Write(p media.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.c == nil:
		return s.closed()
	case s.failed != nil:
		return s.failed
	case s.queue == nil:
		return fmt.Errorf("%s: not started", s.path)
	case len(p.Data) > maxPacket:
		return fmt.Errorf("%s: a packet of %d MiB", s.path, len(p.Data)>>20)
	}
	if p.Kind != media.Audio && p.Kind != media.Video || s.tracks[p.Kind] == nil || len(p.Data) == 0 {
		return nil
	}
	t := s.tracks[p.Kind]
	s.queue.push(t.index, t.entry(p, s.config.Epoch))
	return s.drain(false)
}

// entry puts p into the ticks of its track. MP4 knows no two packets of one
// decoding time, and none shown before it is decoded.
func (t *target) entry(p media.Packet, epoch time.Duration) entry {
	duration := p.Duration - media.SamplesToTime(p.SkipEnd, t.rate)
	e := entry{
		pts:      toTicks(p.PTS-epoch, t.ticks),
		dts:      toTicks(p.DTS-epoch, t.ticks),
		duration: max(toTicks(duration, t.ticks), 0),
		key:      p.Key,
		data:     p.Data,
	}
	e.dts = min(e.dts, e.pts)
	if t.started {
		e.dts = max(e.dts, t.last+1)
	}
	e.pts = max(e.pts, e.dts)
	e.when = int64(toTime(e.dts, 1, t.ticks))
	t.started, t.last = true, e.dts
	return e
}

// drain writes what the queue lets go, at the end all of it. A packet that the
// muxer refuses does not cost the others.
func (s *Sink) drain(end bool) error {
	var first error
	for s.failed == nil {
		track, e, ok := s.queue.pop(end)
		if !ok {
			return first
		}
		if err := s.put(track, e); err != nil && first == nil {
			first = err
		}
	}
	return s.failed
}

func (s *Sink) put(track int, e entry) error {
	if err := s.admit(len(e.data)); err != nil {
		return err
	}
	key := C.int(0)
	if e.key {
		key = 1
	}
	code := C.ld_writer_packet(s.c, C.int(track), C.int64_t(e.pts), C.int64_t(e.dts), C.int64_t(e.duration),
		key, (*C.uint8_t)(unsafe.Pointer(&e.data[0])), C.int(len(e.data)))
	if code < 0 {
		return s.muxError(code)
	}
	s.written = true
	return nil
}

// admit asks the disk for room for n bytes and their index.
func (s *Sink) admit(n int) error {
	// The muxer may put lengths in front of the parts of a frame where start codes were: a little more than n.
	err := s.reserve.admit(int64(C.ld_writer_size(s.c)), int64(n+n/4+256))
	s.keep(err)
	return s.failed
}
