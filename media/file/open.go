package file

/*
#include <stdlib.h>
#include "demux.h"
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/text/language"

	"livedub/media"
)

// pipeWait bounds how long Open waits for somebody to write into a named pipe.
const pipeWait = 30 * time.Second

// Open reads the head of a media file, or of a named pipe that a program writes
// into, and chooses its best audio and video.
func Open(path string) (*Source, error) { return open(path, "", pipeWait) }

// OpenSpoken is Open for a speaker of lang, a code of ISO 639-1: where sound is
// there in several languages, that one is chosen.
func OpenSpoken(path, lang string) (*Source, error) { return open(path, lang, pipeWait) }

func open(path, lang string, wait time.Duration) (*Source, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	s := &Source{path: path, file: f}
	if err := s.start(lang, wait); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// openRegular opens what can be a media file and tells in one line what cannot.
func openRegular(path string) (*os.File, error) {
	// Without O_NONBLOCK a pipe that nobody writes into would hold open(2) for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	st, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", path, bare(err))
	case st.IsDir():
		err = fmt.Errorf("%s: a directory; name a media file in it", path)
	case st.Mode()&os.ModeNamedPipe != 0:
	case !st.Mode().IsRegular():
		err = fmt.Errorf("%s: neither a file nor a named pipe", path)
	case st.Size() == 0:
		err = fmt.Errorf("%s: the file is empty", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// start lets libavformat find out what the file is.
func (s *Source) start(lang string, wait time.Duration) error {
	st, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, bare(err))
	}
	regular, wake, waitMS := C.int(1), C.int(-1), C.int(0)
	if !st.Mode().IsRegular() {
		r, w, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, bare(err))
		}
		s.waker, s.wake = r, w
		regular, wake, waitMS = 0, C.int(r.Fd()), C.int(wait.Milliseconds())
	}
	name, list := C.CString(s.path), C.CString(formats)
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(list))
	code := C.ld_open(&s.c, C.int(s.file.Fd()), wake, name, regular, waitMS, list)
	if code < 0 {
		return s.openError(code, wait)
	}
	s.choose(lang)
	var info C.ld_info
	C.ld_info_get(s.c, &info)
	s.describe(&info)
	if len(s.tracks) == 0 {
		return fmt.Errorf("%s: has neither audio nor video", s.path)
	}
	if info.video.dolby_vision == 5 { // others have a frame that is standard or HDR10 by itself
		return fmt.Errorf("%s: frames of Dolby Vision profile 5, whose colours livedub cannot convert: they would be green and violet; convert them first with %s",
			s.path, "ffmpeg -i FILE -vf libplacebo=colorspace=bt709:color_primaries=bt709:color_trc=bt709:format=yuv420p -c:a copy OUT.mp4")
	}
	return s.first(wait)
}

// choose takes the first sound that is tagged with lang, if any is.
func (s *Source) choose(lang string) {
	if lang == "" {
		return
	}
	for i := range C.ld_streams(s.c) {
		if c := C.ld_language(s.c, i); c != nil && speaks(C.GoString(c), lang) {
			C.ld_choose_audio(s.c, i)
			return
		}
	}
}

// speaks tells whether a file's tag, of ISO 639-2 or BCP 47, is of lang.
func speaks(tag, lang string) bool {
	t, err := language.Parse(tag)
	if err != nil {
		return false
	}
	base, sure := t.Base()
	return sure == language.Exact && base.String() == lang
}

// first reads the first packet: a file that opens may still hold none, or none
// that can be reached or read.
func (s *Source) first(wait time.Duration) error {
	for _, t := range s.tracks {
		if t.Tag == fourCC("drms") || t.Tag == fourCC("drmi") {
			return s.encrypted()
		}
	}
	for {
		var c C.ld_packet
		if code := C.ld_read(s.c, &c); code < 0 {
			return s.emptyError(code, wait)
		}
		if c.encrypted != 0 {
			return s.encrypted()
		}
		if r, ok := s.packet(&c); ok {
			s.ahead.queue = append(s.ahead.queue, r)
			return nil
		}
	}
}

// emptyError tells why a file that could be opened gives no packet.
func (s *Source) emptyError(code C.int, wait time.Duration) error {
	format := C.GoString(C.ld_format(s.c))
	switch {
	case C.ld_errno(s.c) != 0 || code == -C.int(syscall.ETIMEDOUT):
		return s.openError(code, wait)
	case s.wake != nil && strings.HasPrefix(format, "mov,"):
		return fmt.Errorf("%s: an MP4 whose index is at its end cannot be read from a pipe: save it to a file first", s.path)
	}
	return s.noSample(format)
}

func (s *Source) encrypted() error {
	return fmt.Errorf("%s: encrypted against copying, and livedub has no key to it: use a copy that is not", s.path)
}

func fourCC(name string) uint32 { return binary.LittleEndian.Uint32([]byte(name)) }

func (s *Source) noSample(format string) error {
	return fmt.Errorf("%s: not one sample of audio or video is in it (%s): was the recording cut off as it began?", s.path, format)
}

func (s *Source) openError(code C.int, wait time.Duration) error {
	format := C.GoString(C.ld_format(s.c))
	switch {
	case code == C.LD_FOREIGN:
		return fmt.Errorf("%s: not a media file livedub can read (libavformat takes it for %q)", s.path, format)
	case s.c != nil && C.ld_errno(s.c) != 0:
		return fmt.Errorf("%s: %w", s.path, syscall.Errno(C.ld_errno(s.c)))
	case code == -C.int(syscall.ETIMEDOUT):
		return fmt.Errorf("%s: nothing was written into the pipe for %v", s.path, wait)
	case format != "" && code == C.LD_EOF:
		return s.noSample(format)
	case format != "":
		return fmt.Errorf("%s: not a media file livedub can read (%s: %s; is it whole?)", s.path, format, reason(code))
	}
	return fmt.Errorf("%s: not a media file livedub can read (%s)", s.path, reason(code))
}

// describe takes over what the container says of itself.
func (s *Source) describe(info *C.ld_info) {
	s.duration = time.Duration(info.duration) * time.Microsecond
	s.clock = timeline{
		zero:    toTime(int64(info.zero), int(info.zero_num), int(info.zero_den)),
		discont: info.discontinuous != 0,
	}
	if info.duration > math.MaxInt64/1000 {
		s.duration = maxTime
	}
	all := true
	for i, c := range []*C.ld_stream{&info.audio, &info.video} {
		kind := media.Kind(i + 1)
		st := &s.streams[i]
		st.index = int(c.index)
		if c.index < 0 {
			continue
		}
		t := track(kind, c)
		st.num, st.den = int(c.tb_num), int(c.tb_den)
		s.tracks = append(s.tracks, t)
		if kind == media.Audio {
			s.priming = priming{rate: t.SampleRate, stated: int(c.priming)}
		}
		if kind == media.Video && t.FrameRate > 0 {
			s.ahead.step = time.Duration(float64(time.Second) / t.FrameRate)
			s.clock.trackOf[i].step = s.ahead.step
		}
		if kind == media.Video {
			s.ahead.byOrder = t.Codec != media.H264 && t.Codec != media.HEVC // whose order is not told by decoding times
		}
		if c.duration == C.LD_NONE || c.duration <= 0 {
			all = false
		} else {
			s.stated = max(s.stated, toTime(int64(c.duration), st.num, st.den))
		}
	}
	switch {
	case info.stated == 0:
		s.stated = 0
	case !all && int(info.streams) == len(s.tracks):
		s.stated = s.duration // of no other stream
	}
}

// bare strips the operation and the path that os puts before its reason.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
