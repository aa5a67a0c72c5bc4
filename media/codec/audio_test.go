package codec

import (
	"errors"
	"math"
	"testing"
	"time"

	"livedub/media"
)

// clicks returns d of mono sound at rate with a short click every 250 ms, the first at 100 ms.
func clicks(rate int, start, d time.Duration) media.Samples {
	s := media.Samples{PTS: start, Rate: rate, Channels: 1, Data: make([]int16, media.TimeToSamples(d, rate))}
	for i := range s.Data {
		t := float64(i)/float64(rate) - 0.1
		t -= 0.25 * math.Round(t/0.25)
		// A Gaussian bump 2 ms wide: short enough to be timed, long enough to survive 8 kHz and codecs.
		s.Data[i] = int16(20000 * math.Exp(-t*t/(2*0.0005*0.0005)))
	}
	return s
}

// timeline sums sound onto one line at rate from start on.
func timeline(blocks []media.Samples, start time.Duration, n int) []float64 {
	line := make([]float64, n)
	for _, s := range blocks {
		at := media.TimeToSamples(s.PTS-start, s.Rate)
		for i := range s.Frames() {
			if k := at + i; k >= 0 && k < n {
				line[k] += float64(s.Data[i*s.Channels])
			}
		}
	}
	return line
}

// checkClicks fails where a click of clicks(start) is missing from blocks or off by more than slack.
func checkClicks(t *testing.T, blocks []media.Samples, start, d, slack time.Duration) {
	t.Helper()
	if len(blocks) == 0 {
		t.Fatal("no sound came out")
	}
	rate := blocks[0].Rate
	line := timeline(blocks, start, media.TimeToSamples(d, rate))
	var worst time.Duration
	for at := 100 * time.Millisecond; at+20*time.Millisecond < d; at += 250 * time.Millisecond {
		// The centre of gravity of the power within 10 ms of where it should be.
		mid, reach := media.TimeToSamples(at, rate), rate/100
		var sum, moment float64
		for k := max(0, mid-reach); k <= min(len(line)-1, mid+reach); k++ {
			p := line[k] * line[k]
			sum += p
			moment += p * float64(k)
		}
		if peak := 10000.0; sum < peak*peak {
			t.Errorf("the click at %v is missing", at)
			continue
		}
		off := time.Duration((moment/sum)/float64(rate)*1e9) - at
		if abs(off) > abs(worst) {
			worst = off
		}
	}
	t.Logf("largest offset %v", worst)
	if abs(worst) > slack {
		t.Errorf("clicks are off by %v, want at most %v", worst, slack)
	}
}

// blocksOf cuts s into blocks of n sample instants.
func blocksOf(s media.Samples, n int) []media.Samples {
	var out []media.Samples
	for s.Frames() > 0 {
		k := min(n, s.Frames())
		b := s
		b.Data = s.Data[:k*s.Channels]
		out = append(out, b)
		s = skip(s, k)
	}
	return out
}

func stereo(s media.Samples) media.Samples {
	out := media.Samples{PTS: s.PTS, Rate: s.Rate, Channels: 2}
	for _, v := range s.Data {
		out.Data = append(out.Data, v, v)
	}
	return out
}

var audioCodecs = []media.Codec{media.Opus, media.AAC}

func TestSoundKeepsItsTime(t *testing.T) {
	const start, d = 1234567890 * time.Nanosecond, 2 * time.Second
	for _, c := range audioCodecs {
		for channels := 1; channels <= 2; channels++ {
			e := must[*AudioEncoder](t)(NewAudioEncoder(AudioEncoderConfig{Codec: c, Channels: channels, Bitrate: 96000}))
			defer e.Close()
			dec := must[*AudioDecoder](t)(NewAudioDecoder(e.Track()))
			defer dec.Close()
			in := clicks(48000, start, d)
			if channels == 2 {
				in = stereo(in)
			}
			var packets []media.Packet
			for _, b := range blocksOf(in, 777) {
				packets = append(packets, must[[]media.Packet](t)(e.Encode(b))...)
			}
			packets = append(packets, must[[]media.Packet](t)(e.Flush())...)
			if want := start - media.SamplesToTime(e.Priming(), 48000); packets[0].PTS != want {
				t.Errorf("%s: the first packet stands at %v, want %v", c, packets[0].PTS, want)
			}
			var out []media.Samples
			total := 0
			for _, p := range packets {
				for _, s := range must[[]media.Samples](t)(dec.Decode(p)) {
					if s.Channels != channels || s.Rate != 48000 {
						t.Fatalf("%s: %d channels at %d Hz", c, s.Channels, s.Rate)
					}
					out = append(out, s)
					total += s.Frames()
				}
			}
			if total != in.Frames() || out[0].PTS != start {
				t.Errorf("%s: %d samples from %v, want %d from %v", c, total, out[0].PTS, in.Frames(), start)
			}
			checkClicks(t, out, start, d, time.Millisecond)
		}
	}
}

func TestHolesAndOverlapsKeepTime(t *testing.T) {
	for _, c := range audioCodecs {
		for _, jump := range []time.Duration{-400 * time.Millisecond, -3 * time.Millisecond, 7 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second, -2 * time.Second} {
			e := must[*AudioEncoder](t)(NewAudioEncoder(AudioEncoderConfig{Codec: c, Channels: 1, Bitrate: 96000}))
			defer e.Close()
			dec := must[*AudioDecoder](t)(NewAudioDecoder(e.Track()))
			defer dec.Close()
			// What follows the jump begins with silence longer than any overlap.
			first := clicks(48000, 10*time.Second, 600*time.Millisecond)
			first.Data = append(first.Data, make([]int16, 20000)...)
			second := clicks(48000, first.End()+jump+450*time.Millisecond, time.Second)
			lead := media.Samples{PTS: first.End() + jump, Rate: 48000, Channels: 1, Data: make([]int16, 450*48)}
			var packets []media.Packet
			for _, s := range []media.Samples{first, lead, second} {
				packets = append(packets, must[[]media.Packet](t)(e.Encode(s))...)
			}
			packets = append(packets, must[[]media.Packet](t)(e.Flush())...)
			var out []media.Samples
			for _, p := range packets {
				out = append(out, must[[]media.Samples](t)(dec.Decode(p))...)
			}
			if jump != -2*time.Second { // which lies over the first
				checkClicks(t, out, first.PTS, 600*time.Millisecond, time.Millisecond)
			}
			checkClicks(t, out, second.PTS, second.Duration(), time.Millisecond)
		}
	}
}

func TestEncoderGoesOnAfterFlush(t *testing.T) {
	for _, c := range audioCodecs {
		e := must[*AudioEncoder](t)(NewAudioEncoder(AudioEncoderConfig{Codec: c, Channels: 1}))
		defer e.Close()
		dec := must[*AudioDecoder](t)(NewAudioDecoder(e.Track()))
		defer dec.Close()
		for _, start := range []time.Duration{0, 20 * time.Second, 3 * time.Second} {
			in := clicks(48000, start, time.Second)
			packets := must[[]media.Packet](t)(e.Encode(in))
			packets = append(packets, must[[]media.Packet](t)(e.Flush())...)
			var out []media.Samples
			for _, p := range packets {
				out = append(out, must[[]media.Samples](t)(dec.Decode(p))...)
			}
			if out[0].PTS != start || !near(out[len(out)-1].End(), in.End(), time.Microsecond) {
				t.Errorf("%s: sound from %v to %v, want %v to %v", c, out[0].PTS, out[len(out)-1].End(), start, in.End())
			}
			checkClicks(t, out, start, time.Second, time.Millisecond)
		}
	}
}

func TestSkipLargerThanAPacket(t *testing.T) {
	e := must[*AudioEncoder](t)(NewAudioEncoder(AudioEncoderConfig{Codec: media.Opus, Channels: 1}))
	defer e.Close()
	packets := must[[]media.Packet](t)(e.Encode(clicks(48000, 0, time.Second)))
	dec := must[*AudioDecoder](t)(NewAudioDecoder(e.Track()))
	defer dec.Close()
	packets[0].SkipStart = 3840 + opusLookahead // the pre-skip many files carry: four packets and more
	total := 0
	for n, p := range packets {
		out := must[[]media.Samples](t)(dec.Decode(p))
		if (n < 4) != (len(out) == 0) {
			t.Errorf("packet %d gave %d blocks", n, len(out))
		}
		if n == 4 && out[0].PTS != 80*time.Millisecond {
			t.Errorf("the first sound stands at %v, want 80ms", out[0].PTS)
		}
		for _, s := range out {
			total += s.Frames()
		}
	}
	if want := len(packets)*opusFrame - 3840 - opusLookahead; total != want {
		t.Errorf("%d samples left, want %d", total, want)
	}
}

func TestClosedAudio(t *testing.T) {
	for _, c := range audioCodecs {
		e := must[*AudioEncoder](t)(NewAudioEncoder(AudioEncoderConfig{Codec: c, Channels: 2}))
		d := must[*AudioDecoder](t)(NewAudioDecoder(e.Track()))
		e.Close()
		d.Close()
		e.Close()
		if _, err := e.Encode(clicks(48000, 0, time.Second)); !errors.Is(err, ErrClosed) {
			t.Errorf("Encode: %v", err)
		}
		if _, err := e.Flush(); !errors.Is(err, ErrClosed) {
			t.Errorf("encoder's Flush: %v", err)
		}
		if _, err := d.Decode(media.Packet{Data: []byte{1}}); !errors.Is(err, ErrClosed) {
			t.Errorf("Decode: %v", err)
		}
		if _, err := d.Flush(); !errors.Is(err, ErrClosed) {
			t.Errorf("decoder's Flush: %v", err)
		}
	}
	r := NewResampler(16000, 1)
	r.Close()
	if _, err := r.Resample(clicks(48000, 0, time.Second)); !errors.Is(err, ErrClosed) {
		t.Errorf("Resample: %v", err)
	}
}
