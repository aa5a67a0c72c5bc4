package rtmp

import (
	"context"
	"fmt"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"livedub/media"
	"livedub/media/intake"
)

// receiver turns messages to access units. Of several tracks of a kind it takes the first.
type receiver struct {
	out    *intake.Source
	video  media.Codec   // "" before its configuration
	params intake.Params // NAL units of H.264 and HEVC
	config []byte        // OBUs of AV1
	audio  media.Codec
}

// take takes one message. It fails where no decoder could go on.
func (r *receiver) take(ctx context.Context, msg message.Message) error {
	switch m := msg.(type) {
	case *message.Video:
		return r.plainVideo(ctx, m)
	case *message.VideoExSequenceStart:
		return r.begin(m)
	case *message.VideoExCodedFrames:
		return r.frame(ctx, m.DTS, m.PTSDelta, m.Payload, false)
	case *message.VideoExFramesX:
		return r.frame(ctx, m.DTS, 0, m.Payload, false)
	case *message.VideoExMultitrack:
		if m.TrackID == 0 {
			return r.take(ctx, m.Wrapped)
		}
	case *message.Audio:
		return r.plainAudio(ctx, m)
	case *message.AudioExSequenceStart:
		return r.beginAudio(m)
	case *message.AudioExCodedFrames:
		return r.extendedAudio(ctx, m)
	case *message.AudioExMultitrack:
		if m.TrackID == 0 {
			return r.take(ctx, m.Wrapped)
		}
	}
	return nil
}

func (r *receiver) plainVideo(ctx context.Context, m *message.Video) error {
	switch {
	case m.Type == message.VideoTypeAU:
		return r.frame(ctx, m.DTS, m.PTSDelta, m.AU, m.IsKeyFrame)
	case m.Type == message.VideoTypeConfig && m.Codec == message.CodecH264:
		return r.avc(m.AVCConfig)
	case m.Type == message.VideoTypeConfig:
		return r.hevc(m.HEVCConfig)
	}
	return nil
}

// begin takes the configuration of enhanced RTMP.
func (r *receiver) begin(m *message.VideoExSequenceStart) error {
	switch m.FourCC {
	case message.FourCCAVC:
		return r.avc(m.AVCConfig)
	case message.FourCCHEVC:
		return r.hevc(m.HEVCConfig)
	case message.FourCCAV1:
		r.config = m.AV1Config.ConfigOBUs
		return r.track(media.AV1)
	case message.FourCCVP9:
		return r.track(media.VP9)
	}
	return nil
}

func (r *receiver) avc(c *mp4.AVCDecoderConfiguration) error {
	if c.LengthSizeMinusOne != 3 {
		return fmt.Errorf("%w: H.264 whose lengths have %d bytes; 4 is what encoders write", ErrProtocol, c.LengthSizeMinusOne+1)
	}
	r.params = nil
	for _, s := range c.SequenceParameterSets {
		r.params = append(r.params, s.NALUnit)
	}
	for _, s := range c.PictureParameterSets {
		r.params = append(r.params, s.NALUnit)
	}
	return r.track(media.H264)
}

func (r *receiver) hevc(c *mp4.HvcC) error {
	if c.LengthSizeMinusOne != 3 {
		return fmt.Errorf("%w: HEVC whose lengths have %d bytes; 4 is what encoders write", ErrProtocol, c.LengthSizeMinusOne+1)
	}
	r.params = nil
	for _, a := range c.NaluArrays {
		for _, n := range a.Nalus {
			r.params = append(r.params, n.NALUnit)
		}
	}
	r.params = intake.ParamsOf(media.HEVC, r.params)
	return r.track(media.HEVC)
}

func (r *receiver) track(c media.Codec) error {
	r.video = c
	return r.known(media.Track{Kind: media.Video, Codec: c})
}

// known makes a track known, or fails for one that is another than before.
func (r *receiver) known(t media.Track) error {
	if !r.out.SetTrack(t) {
		return fmt.Errorf("the %s has changed to other %s: publish it anew", t.Kind, t.Codec)
	}
	return nil
}

// frame takes a coded frame; one without a configuration cannot be decoded.
func (r *receiver) frame(ctx context.Context, dts, offset time.Duration, data []byte, said bool) error {
	key := false
	var err error
	switch r.video {
	case "":
		return nil
	case media.H264, media.HEVC:
		nals, bad := intake.AVCC(data)
		if bad != nil {
			return nil // the decoder would make no more of it
		}
		data, key, err = intake.Frame(r.video, nals, r.params, said)
	case media.AV1:
		data, key, err = intake.AV1Frame(data, r.config)
	case media.VP9:
		key = intake.VP9Key(data)
	}
	if err != nil || len(data) == 0 {
		return nil // so
	}
	return r.out.Push(ctx, intake.Unit{Kind: media.Video, DTS: ticks(dts), Offset: signed(offset), Key: key, Data: data})
}

// ticks are the milliseconds of a message's time.
func ticks(t time.Duration) uint32 { return uint32(t / time.Millisecond) }

// signed reads a composition time, which is one of 24 bits with a sign.
func signed(d time.Duration) time.Duration {
	const half = 1 << 23
	if ms := d / time.Millisecond; ms >= half {
		return (ms - 2*half) * time.Millisecond
	}
	return d
}

func (r *receiver) plainAudio(ctx context.Context, m *message.Audio) error {
	channels := 1
	if m.IsStereo {
		channels = 2
	}
	switch {
	case m.Codec == message.CodecMPEG4Audio && m.AACType == message.AudioAACTypeConfig:
		return r.aac(m.AACConfig)
	case m.Codec == message.CodecMPEG4Audio && r.audio != media.AAC:
		return nil // its configuration has not come
	case m.Codec == message.CodecMPEG4Audio:
		return r.sound(ctx, m.DTS, m.AU)
	case m.Codec == message.CodecMPEG1Audio:
		return r.plain(ctx, media.Track{Kind: media.Audio, Codec: media.MP3}, m.DTS, m.AU)
	case m.Codec == message.CodecPCMA:
		return r.plain(ctx, media.Track{Kind: media.Audio, Codec: "pcm_alaw", SampleRate: 8000, Channels: channels}, m.DTS, m.AU)
	case m.Codec == message.CodecPCMU:
		return r.plain(ctx, media.Track{Kind: media.Audio, Codec: "pcm_mulaw", SampleRate: 8000, Channels: channels}, m.DTS, m.AU)
	}
	return fmt.Errorf("%w: sound of FLV's codec %d; send AAC, MP3 or Opus", ErrProtocol, m.Codec)
}

func (r *receiver) aac(c *mpeg4audio.AudioSpecificConfig) error {
	if c == nil {
		return nil
	}
	extra, err := c.Marshal()
	if err != nil {
		return fmt.Errorf("%w: the configuration of AAC: %w", ErrProtocol, err)
	}
	r.audio = media.AAC
	return r.known(media.Track{Kind: media.Audio, Codec: media.AAC, Extradata: extra, SampleRate: c.SampleRate})
}

func (r *receiver) beginAudio(m *message.AudioExSequenceStart) error {
	switch m.FourCC {
	case message.FourCCMP4A:
		return r.aac(m.AACConfig)
	case message.FourCCOpus:
		r.audio = media.Opus
		return r.known(media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: int(m.OpusConfig.ChannelCount)})
	}
	return nil
}

func (r *receiver) extendedAudio(ctx context.Context, m *message.AudioExCodedFrames) error {
	switch m.FourCC {
	case message.FourCCMP3:
		return r.plain(ctx, media.Track{Kind: media.Audio, Codec: media.MP3}, m.DTS, m.Payload)
	case message.FourCCAC3:
		return r.plain(ctx, media.Track{Kind: media.Audio, Codec: "ac3"}, m.DTS, m.Payload)
	case message.FourCCMP4A, message.FourCCOpus:
		if r.audio == "" {
			return nil // its configuration has not come
		}
		return r.sound(ctx, m.DTS, m.Payload)
	}
	return fmt.Errorf("%w: sound of another codec than AAC, MP3, AC-3 or Opus", ErrProtocol)
}

// plain takes sound that needs no configuration.
func (r *receiver) plain(ctx context.Context, t media.Track, dts time.Duration, data []byte) error {
	if err := r.known(t); err != nil {
		return err
	}
	r.audio = t.Codec
	return r.sound(ctx, dts, data)
}

func (r *receiver) sound(ctx context.Context, dts time.Duration, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	return r.out.Push(ctx, intake.Unit{Kind: media.Audio, DTS: ticks(dts), Data: data})
}
