package cmaf_test

import (
	"math"
	"testing"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

const (
	fps    = 25
	w, h   = 160, 96
	length = 4 * time.Second
)

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

// program encodes output times from to to as a program is: a flash and a beep of one
// frame's time at each full second.
type program struct {
	tracks  []media.Track
	packets []media.Packet // as they come
	video   *codec.VideoEncoder
	audio   *codec.AudioEncoder
}

func newProgram(t testing.TB, from, to time.Duration) *program {
	t.Helper()
	p := &program{}
	var err error
	if p.video, err = codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: media.H264, Width: w, Height: h, FrameRate: fps, Bitrate: 300_000}); err != nil {
		t.Fatal(err)
	}
	defer p.video.Close()
	if p.audio, err = codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.AAC, Channels: 1}); err != nil {
		t.Fatal(err)
	}
	defer p.audio.Close()
	first := (media.TimeToSamples(from, 48000) + 1023) / 1024 * 1024
	pcm := p.sound(t, first, media.TimeToSamples(to, 48000))
	for k := int(from * fps / time.Second); k < int(to*fps/time.Second); k++ {
		at := time.Duration(k) * time.Second / fps
		v := p.frame(t, k)
		for len(pcm) > 0 && pcm[0].PTS < at {
			p.packets, pcm = append(p.packets, pcm[0]), pcm[1:]
		}
		p.packets = append(p.packets, v)
	}
	p.packets = append(p.packets, pcm...)
	return p
}

func (p *program) frame(t testing.TB, k int) media.Packet {
	t.Helper()
	f := media.NewFrame(w, h)
	defer f.Release()
	for i := range f.Y {
		f.Y[i] = byte(40 + (i+k)%16)
		if k%fps == 0 {
			f.Y[i] = 235
		}
	}
	for i := range f.U {
		f.U[i], f.V[i] = 128, 128
	}
	f.PTS = time.Duration(k) * time.Second / fps
	v, err := p.video.Encode(f, k%(2*fps) == 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.tracks) == 0 {
		track := p.video.Track()
		track.Extradata = codec.ParameterSets(v.Data)
		p.tracks = []media.Track{track, p.audio.Track()}
	}
	return v
}

func (p *program) sound(t testing.TB, from, to int) []media.Packet {
	t.Helper()
	s := media.Samples{PTS: media.SamplesToTime(from, 48000), Rate: 48000, Channels: 1, Data: make([]int16, to-from)}
	for i := range s.Data {
		if n := from + i; n%48000 < 48000/fps {
			s.Data[i] = int16(12000 * math.Sin(2*math.Pi*1000*float64(n)/48000))
		}
	}
	out, err := p.audio.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := p.audio.Flush()
	if err != nil {
		t.Fatal(err)
	}
	return append(out, rest...)
}
