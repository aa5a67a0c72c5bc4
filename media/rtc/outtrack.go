package rtc

import (
	"errors"
	"strings"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"livedub/media"
)

// errNotBound is returned for a packet that went nowhere: pion swallows what is
// written between the connection and the track's own start.
var errNotBound = errors.New("track is not sent yet")

// outTrack is a webrtc.TrackLocal that tells whether its packets are sent.
type outTrack struct {
	id, stream string
	codec      offeredCodec

	mu     sync.RWMutex
	writer webrtc.TrackLocalWriter
	header rtp.Header // payload type and SSRC
}

func (o *outTrack) ID() string       { return o.id }
func (o *outTrack) RID() string      { return "" }
func (o *outTrack) StreamID() string { return o.stream }

func (o *outTrack) Kind() webrtc.RTPCodecType {
	if o.codec.codec == media.Opus {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// Bind is pion's call when the track begins to be sent.
func (o *outTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, p := range c.CodecParameters() {
		if strings.EqualFold(p.MimeType, o.codec.mime()) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.writer = c.WriteStream()
			o.header = rtp.Header{PayloadType: uint8(p.PayloadType), SSRC: uint32(c.SSRC())}
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind is pion's call at the end.
func (o *outTrack) Unbind(webrtc.TrackLocalContext) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writer = nil
	return nil
}

// WriteRTP sends a packet, which it completes.
func (o *outTrack) WriteRTP(p *rtp.Packet) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.writer == nil {
		return errNotBound
	}
	p.PayloadType, p.SSRC = o.header.PayloadType, o.header.SSRC
	n, err := o.writer.WriteRTP(&p.Header, p.Payload)
	if err == nil && n == 0 {
		return errNotBound
	}
	return err
}
