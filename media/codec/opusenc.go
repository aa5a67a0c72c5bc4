package codec

import (
	"fmt"

	"gopkg.in/hraban/opus.v2"
)

// opusEncoder is libopus, tuned for speech over other sound.
type opusEncoder struct {
	e        *opus.Encoder
	channels int
	buf      []byte
}

func newOpusEncoder(channels, bitrate int) (*opusEncoder, error) {
	e, err := opus.NewEncoder(opusRate, channels, opus.AppAudio)
	if err == nil {
		err = e.SetBitrate(bitrate)
	}
	if err == nil {
		err = e.SetComplexity(5)
	}
	if err != nil {
		return nil, fmt.Errorf("codec: open the opus encoder: %w", err)
	}
	return &opusEncoder{e: e, channels: channels, buf: make([]byte, 4000)}, nil
}

func (e *opusEncoder) frame() int { return opusFrame }

func (e *opusEncoder) priming() int { return opusLookahead }

func (e *opusEncoder) encode(pcm []int16) ([]byte, error) {
	n, err := e.e.Encode(pcm, e.buf)
	if err != nil {
		return nil, fmt.Errorf("codec: encode opus: %w", err)
	}
	return append([]byte(nil), e.buf[:n]...), nil
}

func (e *opusEncoder) extradata() []byte { return opusHead(e.channels) }

func (e *opusEncoder) close() {}
