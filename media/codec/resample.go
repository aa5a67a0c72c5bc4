package codec

/*
#include "resample.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"livedub/media"
)

// clockSlack is the largest difference between a block's PTS and the count of
// samples before it that is taken for rounding.
const clockSlack = time.Millisecond

// Resampler brings sound to one rate and number of channels. It learns the
// input's form from the samples, which may change mid-stream.
//
// Output PTS are counted from the input's: sample n of the output stands at
// n/rate after the first of the input, whatever the filter still holds. Where
// input PTS leave that count by more than 1 ms, either way, the count begins anew there;
// the up to 1 ms of sound the filter held goes out directly before it.
type Resampler struct {
	rate, channels int

	mu     sync.Mutex
	closed bool
	swr    *C.SwrContext // nil: the input already has the form, or there was none yet
	inRate int
	inCh   int
	origin time.Duration // of input sample 0
	read   int           // input sample instants since origin
	wrote  int           // output sample instants since origin
}

// NewResampler returns a resampler to toRate Hz and toChannels (1 or 2).
func NewResampler(toRate, toChannels int) *Resampler {
	return &Resampler{rate: toRate, channels: toChannels}
}

// Resample converts s. The result may be shorter or longer than s by what the
// filter holds, or empty; where nothing is to do it is s itself.
func (r *Resampler) Resample(s media.Samples) (media.Samples, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return media.Samples{}, ErrClosed
	}
	if err := r.check(s); err != nil {
		return media.Samples{}, err
	}
	if s.Frames() == 0 {
		return r.empty(), nil
	}
	if s.Rate == r.inRate && s.Channels == r.inCh {
		return r.convert(s)
	}
	tail, err := r.drain()
	if err != nil {
		return media.Samples{}, err
	}
	if err := r.open(s); err != nil {
		return media.Samples{}, err
	}
	out, err := r.convert(s)
	if err != nil || len(tail.Data) == 0 || abs(out.PTS-tail.End()) > clockSlack {
		return out, err
	}
	tail.Data = append(tail.Data, out.Data...)
	return tail, nil
}

// convert takes s in the form the filter is open for.
func (r *Resampler) convert(s media.Samples) (media.Samples, error) {
	if r.swr == nil {
		return s, nil
	}
	if expected := r.origin + media.SamplesToTime(r.read, r.inRate); abs(s.PTS-expected) > clockSlack {
		r.origin += s.PTS - expected
	}
	return r.run(s.Data)
}

// Flush returns what the filter still holds; the next block begins a new stream.
func (r *Resampler) Flush() (media.Samples, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return media.Samples{}, ErrClosed
	}
	out, err := r.drain()
	r.inRate, r.inCh = 0, 0
	return out, err
}

// Close frees the filter.
func (r *Resampler) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free()
	r.closed = true
}

func (r *Resampler) check(s media.Samples) error {
	if r.rate < 1000 || r.rate > 768000 || r.channels < 1 || r.channels > 2 {
		return fmt.Errorf("codec: cannot resample to %d channels at %d Hz; set 1 or 2 and 1000 to 768000", r.channels, r.rate)
	}
	if s.Rate < 1000 || s.Rate > 768000 || s.Channels < 1 || s.Channels > 8 || len(s.Data)%s.Channels != 0 {
		return fmt.Errorf("codec: cannot resample %d values of %d channels at %d Hz", len(s.Data), s.Channels, s.Rate)
	}
	if s.Frames() > 1<<24 {
		return errors.New("codec: a block of over 16 million samples; pass shorter ones")
	}
	return nil
}

func (r *Resampler) open(s media.Samples) error {
	r.free()
	r.inRate, r.inCh, r.origin, r.read, r.wrote = s.Rate, s.Channels, s.PTS, 0, 0
	if s.Rate == r.rate && s.Channels == r.channels {
		return nil
	}
	r.swr = C.ldc_resampler_open(C.int(s.Channels), C.int(s.Rate), C.int(r.channels), C.int(r.rate))
	if r.swr == nil {
		r.inRate = 0
		return fmt.Errorf("codec: cannot resample %d channels at %d Hz to %d at %d", s.Channels, s.Rate, r.channels, r.rate)
	}
	return nil
}

// run converts in (nil: the end of the stream) and counts both sides.
func (r *Resampler) run(in []int16) (media.Samples, error) {
	n := len(in) / r.inCh
	out := r.empty()
	room := int(C.ldc_resampler_max_out(r.swr, C.int(n)))
	if room <= 0 {
		r.read += n
		return out, nil
	}
	out.Data = make([]int16, room*r.channels)
	got := C.ldc_resampler_run(r.swr, (*C.int16_t)(unsafe.SliceData(in)), C.int(n),
		(*C.int16_t)(unsafe.SliceData(out.Data)), C.int(room))
	if got < 0 {
		return r.empty(), avError("resample", got)
	}
	out.Data = out.Data[:int(got)*r.channels]
	r.read += n
	r.wrote += int(got)
	return out, nil
}

func (r *Resampler) drain() (media.Samples, error) {
	if r.swr == nil {
		return media.Samples{Rate: r.rate, Channels: r.channels}, nil
	}
	out, err := r.run(nil)
	// The filter's tail runs past the end of its input: no sound is longer for it.
	if over := r.wrote - media.TimeToSamples(media.SamplesToTime(r.read, r.inRate), r.rate); over > 0 {
		out.Data = out.Data[:max(0, out.Frames()-over)*r.channels]
	}
	r.free()
	return out, err
}

// empty returns a block without samples at the time the next output stands.
func (r *Resampler) empty() media.Samples {
	return media.Samples{PTS: r.origin + media.SamplesToTime(r.wrote, r.rate), Rate: r.rate, Channels: r.channels}
}

func (r *Resampler) free() {
	if r.swr != nil {
		C.ldc_resampler_close(r.swr)
		r.swr = nil
	}
}
