package caller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

// minMaterial is the shortest clip: what is shorter than D could be mistaken
// for its own next round.
const minMaterial = 5 * time.Second

// clip returns the first whole seconds of a file, 60 at most, with bar codes over
// the top of the frames and markers in the sound.
func clip(ctx context.Context, path string, width, height int) (*Material, error) {
	src, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	c, err := newClipper(src.Tracks(), width, height)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer c.close()
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if p.PTS > maxMaterial+time.Second {
			break
		}
		if err := c.take(p); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	m, err := c.finish()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// clipper makes material of a file's packets.
type clipper struct {
	frames *codec.VideoDecoder
	sounds *codec.AudioDecoder
	shaper *codec.Shaper
	rate   float64
	video  *codec.VideoEncoder // opened with the first frame
	pcm    []int16             // the sound so far, mono, 48 kHz
	out    []media.Packet
	number uint16
	end    time.Duration // of the last frame
	resize *codec.Resampler
}

func newClipper(tracks []media.Track, width, height int) (*clipper, error) {
	video, audio := media.FindTrack(tracks, media.Video), media.FindTrack(tracks, media.Audio)
	if video == nil || audio == nil {
		return nil, errors.New("a speaker needs video and sound: give a clip with both")
	}
	c := &clipper{rate: video.FrameRate, shaper: codec.NewShaper(*video, width, height), resize: codec.NewResampler(testspeaker.Rate, 1)}
	if !(c.rate >= 5 && c.rate <= 60) {
		c.rate = frameRate
	}
	var err error
	if c.frames, err = codec.NewVideoDecoder(*video); err == nil {
		c.sounds, err = codec.NewAudioDecoder(*audio)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *clipper) close() {
	if c.frames != nil {
		c.frames.Close()
	}
	if c.sounds != nil {
		c.sounds.Close()
	}
	if c.video != nil {
		c.video.Close()
	}
	c.shaper.Close()
	c.resize.Close()
}

func (c *clipper) take(p media.Packet) error {
	if p.Kind == media.Audio {
		heard, err := c.sounds.Decode(p)
		if err != nil {
			return nil // a packet that is broken: silence
		}
		return c.hear(heard)
	}
	shown, err := c.frames.Decode(p)
	if err != nil {
		return nil // likewise
	}
	return c.show(shown)
}

// hear puts sound at its place.
func (c *clipper) hear(heard []media.Samples) error {
	for _, s := range heard {
		mono, err := c.resize.Resample(s)
		if err != nil {
			return err
		}
		from := media.TimeToSamples(mono.PTS, testspeaker.Rate)
		if from < 0 || from > int(maxMaterial/time.Second+1)*testspeaker.Rate {
			continue
		}
		if need := from + len(mono.Data); len(c.pcm) < need {
			c.pcm = append(c.pcm, make([]int16, need-len(c.pcm))...)
		}
		copy(c.pcm[from:], mono.Data)
	}
	return nil
}

// show encodes frames with their numbers; it takes them over.
func (c *clipper) show(shown []*media.Frame) error {
	for _, f := range shown {
		f, err := c.shaper.Shape(f)
		if err != nil {
			return err
		}
		err = c.encode(f)
		f.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *clipper) encode(shaped *media.Frame) error {
	if shaped.PTS < 0 || shaped.PTS >= maxMaterial {
		return nil
	}
	f := shaped.Clone() // the decoder may still need what it gave
	defer f.Release()
	if c.video == nil {
		var err error
		if c.video, err = codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: media.H264, Width: f.Width, Height: f.Height,
			FrameRate: c.rate, Bitrate: 1_500_000, KeyInterval: keyEvery}); err != nil {
			return err
		}
	}
	testspeaker.Burn(f, c.number)
	c.number++
	p, err := c.video.Encode(f, len(c.out) == 0)
	if err != nil {
		return err
	}
	c.out = append(c.out, p)
	c.end = f.PTS + time.Duration(float64(time.Second)/c.rate)
	return nil
}

// finish cuts all to whole seconds and marks the sound.
func (c *clipper) finish() (*Material, error) {
	if rest, err := c.sounds.Flush(); err == nil {
		if err := c.hear(rest); err != nil {
			return nil, err
		}
	}
	if rest, err := c.frames.Flush(); err == nil {
		if err := c.show(rest); err != nil {
			return nil, err
		}
	}
	m := &Material{Length: min(c.end+time.Second/10, maxMaterial).Truncate(time.Second)}
	if m.Length < minMaterial {
		return nil, fmt.Errorf("the clip is %.1f s long: give one of %v or more", c.end.Seconds(), minMaterial)
	}
	for _, p := range c.out {
		if p.PTS < m.Length {
			m.take(p)
		}
	}
	pcm := media.Samples{Rate: testspeaker.Rate, Channels: 1, Data: make([]int16, media.TimeToSamples(m.Length+time.Second, testspeaker.Rate))}
	copy(pcm.Data, c.pcm)
	for at := time.Duration(0); at < m.Length; at += time.Second {
		testspeaker.Marker(pcm, at)
	}
	if err := m.record(pcm); err != nil {
		return nil, err
	}
	return m, m.check()
}
