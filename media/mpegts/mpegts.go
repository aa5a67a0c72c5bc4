// Package mpegts reads live MPEG transport streams into sources on the session clock.
package mpegts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg1audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"livedub/media"
	"livedub/media/intake"
)

// Rate is what timestamps count at, Hz.
const Rate = 90000

// tries is how often the tables are looked for: the first units may be cut off.
const tries = 8

// Read takes a stream in until r ends, which it returns as nil, or has what cannot be
// taken. Of several tracks of a kind it takes the first. out counts by Rate. A
// message of at most 1500 bytes comes with each read of r.
func Read(ctx context.Context, r io.Reader, out *intake.Source) error {
	b := newBound(r)
	d := &demuxer{ctx: ctx, out: out, src: &watched{r: b}, tears: b.tears}
	err := d.run()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// watched remembers how the source of a reader ended: the reader's own errors do not tell them apart.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

type demuxer struct {
	ctx    context.Context
	out    *intake.Source
	src    *watched
	tears  tears
	reader *mpegts.Reader
}

// push passes a unit of a track on, unless some of it is missing.
func (d *demuxer) push(t *mpegts.Track, dts int64, u intake.Unit) error {
	torn, gap := d.tears.unit(t.PID, dts)
	if torn {
		return nil
	}
	u.Gap = gap
	return d.out.Push(d.ctx, u)
}

func (d *demuxer) run() error {
	for i := 0; ; i++ {
		d.reader = &mpegts.Reader{R: d.src}
		err := d.reader.Initialize()
		if err == nil {
			break
		}
		if d.src.err != nil {
			return d.src.err
		}
		if i == tries {
			return fmt.Errorf("%w: its tables: %w", ErrProtocol, err)
		}
	}
	if !d.setTracks() {
		return fmt.Errorf("%w: no track of a codec that is known here: send H.264 or HEVC with AAC, Opus or MP3", ErrProtocol)
	}
	for {
		if err := d.reader.Read(); err != nil {
			if d.src.err != nil {
				return d.src.err
			}
			return err
		}
	}
}

// setTracks asks for the first track of each kind, and tells whether there is any.
func (d *demuxer) setTracks() bool {
	var video, audio bool
	for _, t := range d.reader.Tracks() {
		switch {
		case !video && d.setVideo(t):
			video = true
		case !audio && d.setAudio(t):
			audio = true
		}
	}
	return video || audio
}

func (d *demuxer) setVideo(t *mpegts.Track) bool {
	c := media.Codec("")
	take := func(pts, dts int64, nals [][]byte) error {
		data, key, err := intake.Frame(c, nals, nil, false)
		if err != nil {
			return nil //nolint:nilerr // there is nothing to decode
		}
		return d.push(t, dts, intake.Unit{Kind: media.Video, DTS: uint32(dts), Offset: after(pts, dts), Key: key, Data: data})
	}
	switch t.Codec.(type) {
	case *codecs.H264:
		c = media.H264
		d.reader.OnDataH264(t, take)
	case *codecs.H265:
		c = media.HEVC
		d.reader.OnDataH265(t, take)
	case *codecs.MPEG1Video:
		c = "mpeg2video" // which reads MPEG-1 too
		d.reader.OnDataMPEG1Video(t, func(pts int64, frame []byte) error {
			return d.push(t, pts, intake.Unit{Kind: media.Video, DTS: uint32(pts), Key: len(frame) > 3 && frame[3] == sequenceHeader, Data: frame})
		})
	default:
		return false
	}
	return d.out.SetTrack(media.Track{Kind: media.Video, Codec: c})
}

// sequenceHeader is the start code that a keyframe of MPEG-1 and 2 begins with.
const sequenceHeader = 0xb3

// after is how much later a frame is presented than decoded; times count modulo 2^33.
func after(pts, dts int64) time.Duration {
	d := (pts - dts) & (1<<33 - 1)
	if d >= 1<<32 {
		return 0
	}
	return time.Duration(d) * time.Second / Rate
}

func (d *demuxer) setAudio(t *mpegts.Track) bool {
	track := media.Track{Kind: media.Audio}
	switch c := t.Codec.(type) {
	case *codecs.MPEG4Audio:
		extra, err := c.Config.Marshal()
		if err != nil {
			return false
		}
		track.Codec, track.Extradata, track.SampleRate = media.AAC, extra, c.SampleRate
		step := int64(mpeg4audio.SamplesPerAccessUnit) * Rate / int64(max(c.SampleRate, 1))
		d.reader.OnDataMPEG4Audio(t, func(pts int64, units [][]byte) error {
			return d.sound(t, pts, units, func([]byte) int64 { return step })
		})
	case *codecs.Opus:
		track.Codec, track.SampleRate, track.Channels = media.Opus, 48000, min(max(c.Desc.ChannelCount(), 1), 2)
		d.reader.OnDataOpus(t, func(pts int64, units [][]byte) error {
			return d.sound(t, pts, units, func(u []byte) int64 { return opus.PacketDuration2(u) * Rate / 48000 })
		})
	case *codecs.MPEG1Audio:
		track.Codec = media.MP3 // whose decoder reads the layers below too
		d.reader.OnDataMPEG1Audio(t, func(pts int64, units [][]byte) error {
			return d.sound(t, pts, units, func(u []byte) int64 {
				var h mpeg1audio.FrameHeader
				if h.Unmarshal(u) != nil || h.SampleRate <= 0 {
					return 0
				}
				return int64(h.SampleCount()) * Rate / int64(h.SampleRate)
			})
		})
	case *codecs.AC3:
		track.Codec = "ac3"
		// As it comes, for several frames may be sent at once, which OnDataAC3 leaves out.
		d.reader.OnDataMPEG4Video(t, func(pts int64, data []byte) error { return d.sound(t, pts, splitAC3(data), ac3Lasts) })
	case *codecs.EAC3:
		track.Codec = "eac3"
		d.reader.OnDataEAC3(t, func(pts int64, unit []byte) error { return d.sound(t, pts, [][]byte{unit}, nil) })
	default:
		return false
	}
	return d.out.SetTrack(track)
}

// splitAC3 returns the frames of AC-3 that were sent at once, up to what is none.
func splitAC3(data []byte) (frames [][]byte) {
	for {
		var h ac3.SyncInfo
		if h.Unmarshal(data) != nil || h.FrameSize() > len(data) {
			return frames
		}
		frames = append(frames, data[:h.FrameSize()])
		data = data[h.FrameSize():]
	}
}

// ac3Lasts returns how long a frame lasts.
func ac3Lasts(frame []byte) int64 {
	var h ac3.SyncInfo
	if h.Unmarshal(frame) != nil || h.SampleRate() <= 0 {
		return 0
	}
	return ac3Samples * Rate / int64(h.SampleRate())
}

// ac3Samples are in each frame.
const ac3Samples = 1536

// sound takes packets of which the first begins at pts; lasts tells how long each does.
func (d *demuxer) sound(t *mpegts.Track, pts int64, units [][]byte, lasts func([]byte) int64) error {
	torn, gap := d.tears.unit(t.PID, pts)
	if torn {
		return nil
	}
	for _, u := range units {
		if len(u) > 0 {
			if err := d.out.Push(d.ctx, intake.Unit{Kind: media.Audio, DTS: uint32(pts), Gap: gap, Data: u}); err != nil {
				return err
			}
			gap = false
		}
		if lasts != nil {
			pts += lasts(u)
		}
	}
	return nil
}
