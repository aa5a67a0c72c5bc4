package file

/*
#include <stdlib.h>
#include "mux.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"livedub/media"
)

// SinkConfig tells what a Sink writes.
type SinkConfig struct {
	Epoch time.Duration // subtracted from every packet's time: output zero

	Video, Audio media.Codec // wanted codecs, "" for none

	Tags       map[string]string // "title", "comment", ...: what the file says of itself
	IndexFirst bool              // Close puts the index first, so that a player needs no more than what has come to begin
}

// Sink writes one MP4 file. It implements media.Sink. The file is made aside,
// under a hidden name (IsAside), and gets its name at Close: what stood there before stays whole until then.
//
// Times are kept true: a track that starts after Epoch or ends early does so in
// the file, and what lies before Epoch (the priming of a sound encoder) is
// there for the decoder but cut off by an edit list.
type Sink struct {
	path   string
	config SinkConfig

	mu      sync.Mutex // Close may come from a signal handler while Write runs
	file    *os.File
	c       *C.ld_writer // nil once closed
	tracks  [media.Video + 1]*target
	queue   *queue
	reserve reserve
	written bool  // a packet went into the file
	failed  error // the first error of the disk: nothing can be written after it
}

// target is one track of the file.
type target struct {
	index   int
	ticks   int // per second
	rate    int // samples per second
	fps     float64
	last    int64 // dts before
	started bool
}

var _ media.Sink = (*Sink)(nil)

// Create begins the file that stands at path, in place of whatever was there, after Close.
func Create(path string, c SinkConfig) (*Sink, error) {
	s := &Sink{path: path, config: c}
	if c.Video == "" && c.Audio == "" {
		return nil, fmt.Errorf("%s: neither audio nor video to write; name a codec", path)
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file: choose another -o", path)
	}
	f, err := createAside(path)
	if err != nil {
		return nil, s.diskError(bare(err))
	}
	s.file, s.reserve.file = f, f
	if code := C.ld_writer_new(&s.c, C.int(f.Fd())); code < 0 {
		s.discard()
		return nil, fmt.Errorf("%s: %s", path, reason(code))
	}
	if code := s.describe(); code < 0 {
		s.discard()
		return nil, fmt.Errorf("%s: %s", path, reason(code))
	}
	return s, nil
}

// describe tells the muxer what the file is to be, besides its tracks.
func (s *Sink) describe() C.int {
	if s.config.IndexFirst {
		if code := C.ld_writer_index_first(s.c); code < 0 {
			return code
		}
	}
	for key, value := range s.config.Tags {
		k, v := C.CString(key), C.CString(value)
		code := C.ld_writer_tag(s.c, k, v)
		C.free(unsafe.Pointer(k))
		C.free(unsafe.Pointer(v))
		if code < 0 {
			return code
		}
		s.reserve.fixed += int64(len(value)) + 128
	}
	return 0
}

// Codecs tells what the file takes.
func (s *Sink) Codecs() (video, audio media.Codec) { return s.config.Video, s.config.Audio }

// Start announces the tracks; those of a kind that SinkConfig does not want are left out.
func (s *Sink) Start(tracks []media.Track) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.c == nil:
		return s.closed()
	case s.queue != nil:
		return fmt.Errorf("%s: started twice", s.path)
	}
	n := 0
	for _, t := range tracks {
		want := s.config.Audio
		if t.Kind == media.Video {
			want = s.config.Video
		}
		if want == "" {
			continue
		}
		if err := s.addTrack(t, want); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("%s: none of %d tracks is wanted", s.path, len(tracks))
	}
	if err := s.admit(0); err != nil {
		return err
	}
	if code := C.ld_writer_header(s.c); code < 0 {
		return s.muxError(code)
	}
	for _, t := range s.tracks {
		if t != nil {
			t.ticks = int(C.ld_writer_ticks(s.c, C.int(t.index)))
		}
	}
	s.queue = newQueue(n)
	if t := s.tracks[media.Video]; t != nil && t.fps > 0 { // how long a frame without another lasts
		s.queue.last[t.index] = int64(float64(t.ticks) / t.fps)
	}
	return nil
}

func (s *Sink) addTrack(t media.Track, want media.Codec) error {
	switch {
	case t.Kind != media.Audio && t.Kind != media.Video || s.tracks[t.Kind] != nil:
		return fmt.Errorf("%s: takes one track of sound and one of frames", s.path)
	case t.Codec != want:
		return fmt.Errorf("%s: takes %s as %s, not %s", s.path, t.Kind, want, t.Codec)
	case t.Kind == media.Audio && (t.SampleRate <= 0 || t.Channels <= 0):
		return fmt.Errorf("%s: sound of unknown rate or channels", s.path)
	case t.Kind == media.Video && (t.Width <= 0 || t.Height <= 0):
		return fmt.Errorf("%s: frames of unknown size", s.path)
	}
	codec := C.CString(string(t.Codec))
	defer C.free(unsafe.Pointer(codec))
	c := C.ld_target{
		codec: codec, width: C.int(t.Width), height: C.int(t.Height), rotation: C.int(t.Rotation),
		pixel_aspect: C.double(t.PixelAspect), frame_rate: C.double(t.FrameRate),
		sample_rate: C.int(t.SampleRate), channels: C.int(t.Channels), fields: C.int(t.Fields),
		primaries: C.int(t.Color.Primaries), transfer: C.int(t.Color.Transfer), matrix: C.int(t.Color.Matrix),
	}
	if t.Kind == media.Video {
		c.video = 1
	}
	if len(t.Extradata) > 0 {
		x := C.CBytes(t.Extradata)
		defer C.free(x)
		c.extradata, c.extradata_size = (*C.uint8_t)(x), C.int(len(t.Extradata))
	}
	index := C.ld_writer_track(s.c, &c)
	if index == C.LD_UNFIT {
		return fmt.Errorf("%s: %s has no place in MP4", s.path, t.Codec)
	}
	if index < 0 {
		return s.muxError(index)
	}
	s.reserve.fixed += 4 * int64(len(t.Extradata))
	s.tracks[t.Kind] = &target{index: int(index), rate: t.SampleRate, fps: t.FrameRate}
	return nil
}

// Close writes the index, which makes the file playable also after a Write that
// failed, and returns the first error of the disk. A file that never got a packet is removed.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c == nil {
		return nil
	}
	var refused error
	if s.queue != nil {
		refused = s.drain(true)
	}
	if !s.written {
		s.discard()
		return refused
	}
	code := C.ld_writer_trailer(s.c)
	if code < 0 && s.failed == nil {
		s.failed = s.muxError(code)
	}
	C.ld_writer_free(s.c)
	s.c = nil
	if code >= 0 {
		s.keep(s.reserve.release())
	}
	s.keep(s.file.Close())
	s.keep(os.Rename(s.file.Name(), s.path))
	if s.failed != nil {
		return s.failed
	}
	return refused
}

// keep remembers the first error of the disk.
func (s *Sink) keep(err error) {
	var moved *os.LinkError
	if errors.As(err, &moved) {
		err = moved.Err
	}
	if err != nil && s.failed == nil {
		s.failed = s.diskError(bare(err))
	}
}

// Empty tells whether nothing was written; after Close there is then no file of it.
func (s *Sink) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.written
}

// discard removes a file without contents.
func (s *Sink) discard() {
	C.ld_writer_free(s.c)
	s.c = nil
	s.file.Close()
	os.Remove(s.file.Name())
}

func (s *Sink) closed() error { return fmt.Errorf("%s: %w", s.path, os.ErrClosed) }

// diskError names the path, the reason and a way out.
func (s *Sink) diskError(err error) error {
	if full(err) {
		return fmt.Errorf("%s: %w: free space or choose another -o", s.path, err)
	}
	return fmt.Errorf("%s: %w: choose another -o", s.path, err)
}

// muxError turns libavformat's refusal, or that of the disk below it, into an error.
func (s *Sink) muxError(code C.int) error {
	if errno := C.ld_writer_errno(s.c); errno != 0 {
		s.keep(syscall.Errno(errno))
		return s.failed
	}
	return fmt.Errorf("%s: %s", s.path, reason(code))
}
