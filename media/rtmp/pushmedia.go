package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"livedub/media"
)

// Codecs of FLV, as metadata has them.
const (
	flvAVC = 7
	flvAAC = 10
)

// Codecs tells what is pushed.
func (p *Pusher) Codecs() (video, audio media.Codec) { return media.H264, media.AAC }

// Start tells the server of the tracks. Extradata of H.264, if any, is in Annex B form.
func (p *Pusher) Start(tracks []media.Track) error {
	video, audio := media.FindTrack(tracks, media.Video), media.FindTrack(tracks, media.Audio)
	meta := amf0.ECMAArray{{Key: "duration", Value: float64(0)}, {Key: "encoder", Value: "livedub"}}
	add := func(key string, value any) { meta = append(meta, amf0.ObjectEntry{Key: key, Value: value}) }
	if video != nil {
		add("videocodecid", float64(flvAVC))
		add("width", float64(video.Width))
		add("height", float64(video.Height))
		if video.FrameRate > 0 {
			add("framerate", video.FrameRate)
		}
	}
	if audio != nil {
		add("audiocodecid", float64(flvAAC))
		add("audiosamplerate", float64(audio.SampleRate))
		add("audiosamplesize", float64(16))
		add("stereo", audio.Channels == 2)
	}
	all := []message.Message{&message.DataAMF0{ChunkStreamID: 4, MessageStreamID: p.stream, Payload: amf0.Data{"@setDataFrame", "onMetaData", meta}}}
	if audio != nil {
		c := &mpeg4audio.AudioSpecificConfig{}
		if err := c.Unmarshal(audio.Extradata); err != nil {
			return fmt.Errorf("rtmp: the sound's configuration: %w", err)
		}
		m := p.sound(0)
		m.AACType, m.AACConfig = message.AudioAACTypeConfig, c
		all = append(all, m)
	}
	return p.put(all...)
}

// sound is a message of sound without its contents.
func (p *Pusher) sound(at time.Duration) *message.Audio {
	return &message.Audio{
		ChunkStreamID: message.AudioChunkStreamID, MessageStreamID: p.stream, DTS: at,
		Codec: message.CodecMPEG4Audio, Rate: message.AudioRate44100, Depth: message.AudioDepth16, IsStereo: true, // as FLV has it of all AAC
	}
}

// errUnset is of frames that come before their parameter sets.
var errUnset = errors.New("rtmp: a frame of H.264 without parameter sets: begin with a keyframe that has them")

// Write sends one access unit: a frame of H.264 in Annex B form, of which the first is a
// keyframe with its parameter sets, or AAC. It takes 5 s at most.
func (p *Pusher) Write(k media.Packet) error {
	if k.Kind == media.Audio {
		m := p.sound(k.DTS)
		m.AACType, m.AU = message.AudioAACTypeAU, k.Data
		return p.put(m)
	}
	var nals h264.AnnexB
	if err := nals.Unmarshal(k.Data); err != nil {
		return fmt.Errorf("rtmp: a frame: %w", err)
	}
	var rest h264.AVCC
	sets := p.sets
	for _, n := range nals {
		switch h264.NALUType(n[0] & 0x1f) {
		case h264.NALUTypeSPS:
			sets[0] = n
		case h264.NALUTypePPS:
			sets[1] = n
		case h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeFillerData:
		default:
			rest = append(rest, n)
		}
	}
	if len(sets[0]) == 0 || len(sets[1]) == 0 {
		return errUnset
	}
	var all []message.Message
	if !bytes.Equal(sets[0], p.sets[0]) || !bytes.Equal(sets[1], p.sets[1]) {
		c, err := configOf(sets[0], sets[1])
		if err != nil {
			return err
		}
		p.sets = [2][]byte{bytes.Clone(sets[0]), bytes.Clone(sets[1])}
		m := p.frame(k)
		m.IsKeyFrame, m.Type, m.AVCConfig, m.PTSDelta = true, message.VideoTypeConfig, c, 0
		all = append(all, m)
	}
	if len(rest) > 0 {
		unit, err := rest.Marshal()
		if err != nil {
			return fmt.Errorf("rtmp: a frame: %w", err)
		}
		m := p.frame(k)
		m.IsKeyFrame, m.Type, m.AU = k.Key, message.VideoTypeAU, unit
		all = append(all, m)
	}
	return p.put(all...)
}

// frame is a message of a frame without its contents.
func (p *Pusher) frame(k media.Packet) *message.Video {
	return &message.Video{
		ChunkStreamID: message.VideoChunkStreamID, MessageStreamID: p.stream,
		Codec: message.CodecH264, DTS: k.DTS, PTSDelta: k.PTS - k.DTS,
	}
}

// configOf returns what FLV has of parameter sets.
func configOf(sps, pps []byte) (*mp4.AVCDecoderConfiguration, error) {
	if len(sps) < 4 {
		return nil, errUnset
	}
	set := func(n []byte) []mp4.AVCParameterSet {
		return []mp4.AVCParameterSet{{Length: uint16(len(n)), NALUnit: n}}
	}
	return &mp4.AVCDecoderConfiguration{
		AnyTypeBox:           mp4.AnyTypeBox{Type: mp4.BoxTypeAvcC()},
		ConfigurationVersion: 1, Profile: sps[1], ProfileCompatibility: sps[2], Level: sps[3],
		Reserved: 0b111111, LengthSizeMinusOne: 3, Reserved2: 0b111,
		NumOfSequenceParameterSets: 1, SequenceParameterSets: set(sps),
		NumOfPictureParameterSets: 1, PictureParameterSets: set(pps),
	}, nil
}

// Sent returns how many bytes were.
func (p *Pusher) Sent() uint64 { return p.count.Writer.Count() }

// Done is closed when the server has hung up, or after Close.
func (p *Pusher) Done() <-chan struct{} { return p.done }

// Err returns why the stream has ended, once it has: media.ErrGone where the server hung
// up without a word.
func (p *Pusher) Err() error {
	<-p.done
	return p.err
}

// Close ends the stream, hangs up and waits for all of it.
func (p *Pusher) Close() error {
	p.shut.Do(func() {
		select {
		case <-p.done:
		default:
			bye := command("deleteStream", 7, nil, float64(bits.ReverseBytes32(p.stream)))
			_ = p.put(command("FCUnpublish", 6, nil, p.key), bye) // if it is still there
		}
		_ = p.nc.Close() // nothing is lost by its failure
		p.wg.Wait()
	})
	return nil
}
