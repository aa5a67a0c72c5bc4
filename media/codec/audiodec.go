package codec

import (
	"fmt"
	"sync"
	"time"

	"livedub/media"
)

// audioBackend decodes one packet after another.
type audioBackend interface {
	// decode returns the sound of p; a block's PTS is untouched where the decoder knows none of its own.
	decode(p media.Packet) ([]media.Samples, error)
	flush() ([]media.Samples, error)
	close()
}

// AudioDecoder turns one stream's packets into 16-bit PCM at the stream's own
// rate, mono as it is and anything wider as stereo. Opus runs at 48 kHz.
type AudioDecoder struct {
	mu   sync.Mutex
	back audioBackend
	drop int // sample instants of SkipStart still to come
}

// NewAudioDecoder opens a decoder for t.Codec. Opus takes its channels from
// Extradata (OpusHead) or Channels, stereo if neither tells.
func NewAudioDecoder(t media.Track) (*AudioDecoder, error) {
	if len(t.Extradata) > maxPacket {
		return nil, fmt.Errorf("codec: %d bytes of extradata are over the limit of %d", len(t.Extradata), maxPacket)
	}
	if t.SampleRate < 0 || t.SampleRate > 768000 || t.Channels < 0 || t.Channels > 64 {
		return nil, fmt.Errorf("codec: %d channels at %d Hz are not sound", t.Channels, t.SampleRate)
	}
	var back audioBackend
	var err error
	if ch, plain := opusChannels(t); t.Codec == media.Opus && plain {
		back, err = newOpusDecoder(ch)
	} else {
		back, err = newAVAudioDecoder(t)
	}
	if err != nil {
		return nil, err
	}
	return &AudioDecoder{back: back}, nil
}

// Decode takes one packet and returns its sound. SkipStart and SkipEnd (sample
// instants at the rate of the output) are cut off, and PTS is that of the first
// sample that stays. After an error the decoder goes on.
func (d *AudioDecoder) Decode(p media.Packet) ([]media.Samples, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.back == nil {
		return nil, ErrClosed
	}
	if err := checkPacket(p); err != nil {
		return nil, err
	}
	out, err := d.back.decode(p)
	d.drop += max(0, p.SkipStart)
	return d.cut(out, max(0, p.SkipEnd)), err
}

// Flush returns what is left at the end of the stream; the decoder can then begin anew.
func (d *AudioDecoder) Flush() ([]media.Samples, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.back == nil {
		return nil, ErrClosed
	}
	out, err := d.back.flush()
	out = d.cut(out, 0)
	d.drop = 0
	return out, err
}

// Close frees the decoder.
func (d *AudioDecoder) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.back != nil {
		d.back.close()
		d.back = nil
	}
}

// cut drops what is to be skipped from the front, and end sample instants from the back.
func (d *AudioDecoder) cut(in []media.Samples, end int) []media.Samples {
	out := in[:0]
	for _, s := range in {
		n := min(d.drop, s.Frames())
		d.drop -= n
		if s = skip(s, n); len(s.Data) > 0 {
			out = append(out, s)
		}
	}
	for end > 0 && len(out) > 0 {
		s := &out[len(out)-1]
		n := min(end, s.Frames())
		end -= n
		s.Data = s.Data[:len(s.Data)-n*s.Channels]
		if len(s.Data) == 0 {
			out = out[:len(out)-1]
		}
	}
	return out
}

// skip drops n sample instants from the front of s.
func skip(s media.Samples, n int) media.Samples {
	s.PTS += media.SamplesToTime(n, s.Rate)
	s.Data = s.Data[n*s.Channels:]
	return s
}

// follow gives blocks that begin where the one before ended their time.
func follow(at time.Duration, s *media.Samples) time.Duration {
	s.PTS = at
	return s.End()
}
