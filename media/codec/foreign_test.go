package codec

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"livedub/media"
)

// decodeAll decodes packets and flushes; errors are counted, not fatal. held is how many frames came by Flush.
func decodeAll(t testing.TB, d *VideoDecoder, packets []media.Packet) (frames []*media.Frame, held, failed int) {
	t.Helper()
	for _, p := range packets {
		out, err := d.Decode(p)
		if err != nil {
			failed++
		}
		frames = append(frames, out...)
	}
	left := must[[]*media.Frame](t)(d.Flush())
	return append(frames, left...), len(left), failed
}

// TestForeignVideo decodes what ffmpeg encoded, reordered frames included:
// each must come once, in order of presentation, and look like the one painted for its time.
func TestForeignVideo(t *testing.T) {
	noLeaks(t)
	const n = 24
	for name, args := range map[string][]string{
		"h264.mp4":     {"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "12"},
		"h264full.ts":  {"-c:v", "libx264", "-preset", "veryfast", "-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p"},
		"h264-444.mp4": {"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv444p"},
		"h264-10.mp4":  {"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p10le"},
		"hevc.mp4":     {"-c:v", "libx265", "-preset", "ultrafast", "-bf", "3", "-x265-params", "log-level=none"},
		"vp9.webm":     {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"},
		"vp8.webm":     {"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"},
		"av1.mkv":      {"-c:v", "libaom-av1", "-cpu-used", "8", "-b:v", "1M"},
		"mpeg1.mkv":    {"-c:v", "mpeg1video", "-bf", "2", "-b:v", "2M"},
		"mpeg4.mp4":    {"-c:v", "mpeg4", "-b:v", "2M"},
		"mjpeg.mkv":    {"-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			track, packets := demux(t, ffmpeg(t, 176, 144, n, name, args...), "v", 10)
			d := must[*VideoDecoder](t)(NewVideoDecoder(track))
			defer d.Close()
			for pass := range 2 { // and again after Flush
				frames, held, failed := decodeAll(t, d, packets)
				if reorders := slices.Contains(args, "-bf"); held > 0 && !reorders && track.Codec != media.H264 {
					t.Errorf("%d frames were held back", held)
				}
				if len(frames) != n || failed != 0 {
					t.Errorf("pass %d: %d frames and %d errors of %d packets", pass, len(frames), failed, len(packets))
				}
				var want []time.Duration
				for _, p := range packets {
					want = append(want, p.PTS)
				}
				slices.Sort(want)
				start := time.Duration(0)
				if len(want) > 0 {
					start = want[0]
				}
				for i, f := range frames {
					if i < len(want) && f.PTS != want[i] {
						t.Errorf("frame %d stands at %v, want %v", i, f.PTS, want[i])
					}
					src := paint(176, 144, int((f.PTS-start+20*time.Millisecond)/(40*time.Millisecond)))
					if q := psnr(src.Planes, f.Planes); q < 26 {
						t.Errorf("frame %d at %v: %.1f dB", i, f.PTS, q)
					}
					src.Release()
				}
				releaseAll(frames)
			}
		})
	}
}

func TestForeignSound(t *testing.T) {
	const d = 2 * time.Second
	for name, c := range map[string]struct {
		rate, channels int
		args           []string
	}{
		"opus.ogg":     {48000, 2, []string{"-c:a", "libopus"}},
		"surround.mkv": {48000, 6, []string{"-c:a", "libopus"}},
		"ac3.mkv":      {44100, 6, []string{"-c:a", "ac3"}},
		"aac.mkv":      {44100, 1, []string{"-c:a", "aac"}},
		"adts.aac":     {16000, 2, []string{"-c:a", "aac"}},
		"mp3.mkv":      {44100, 2, []string{"-c:a", "libmp3lame"}},
		"mp2.mkv":      {48000, 1, []string{"-c:a", "mp2"}},
		"flac.mkv":     {48000, 2, []string{"-c:a", "flac"}},
		"pcm.wav":      {8000, 1, []string{"-c:a", "pcm_mulaw"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := clicks(c.rate, 0, d)
			wide := media.Samples{Rate: c.rate, Channels: c.channels}
			for _, v := range in.Data {
				for range c.channels {
					wide.Data = append(wide.Data, v)
				}
			}
			track, packets := demux(t, ffmpegSound(t, wide, name, c.args...), "a", 10)
			dec := must[*AudioDecoder](t)(NewAudioDecoder(track))
			defer dec.Close()
			var total int
			var loud int16
			collect := func(out []media.Samples) {
				for _, s := range out {
					if s.Rate != c.rate || s.Channels != min(2, c.channels) {
						t.Fatalf("%d channels at %d Hz, want %d at %d", s.Channels, s.Rate, c.channels, c.rate)
					}
					total += s.Frames()
					loud = max(loud, slices.Max(s.Data))
				}
			}
			for _, p := range packets {
				collect(must[[]media.Samples](t)(dec.Decode(p)))
			}
			collect(must[[]media.Samples](t)(dec.Flush()))
			if got := media.SamplesToTime(total, c.rate); got < d-50*time.Millisecond || got > d+150*time.Millisecond {
				t.Errorf("%v of sound, want %v", got, d)
			}
			if loud < 10000 {
				t.Errorf("the loudest sample is %d", loud)
			}
		})
	}
}

func TestRecordings(t *testing.T) {
	noLeaks(t)
	paths := append(clips(t, "grid__bb*.mpg"), clips(t, "ls__demo1*.mp4")...)
	for _, path := range paths {
		track, packets := demux(t, path, "v", 1)
		d := must[*VideoDecoder](t)(NewVideoDecoder(track))
		defer d.Close()
		frames, _, failed := decodeAll(t, d, packets)
		if failed > 0 || len(frames) < len(packets)-1 {
			t.Errorf("%s: %d frames and %d errors of %d packets", track.Codec, len(frames), failed, len(packets))
		}
		if !slices.IsSortedFunc(frames, func(a, b *media.Frame) int { return int(a.PTS - b.PTS) }) {
			t.Errorf("%s: frames out of order", track.Codec)
		}
		releaseAll(frames)
		track, packets = demux(t, path, "a", 1)
		a := must[*AudioDecoder](t)(NewAudioDecoder(track))
		defer a.Close()
		total := time.Duration(0)
		for _, p := range packets {
			for _, s := range must[[]media.Samples](t)(a.Decode(p)) {
				total += s.Duration()
			}
		}
		if total < 900*time.Millisecond {
			t.Errorf("%s: %v of sound in one second", track.Codec, total)
		}
	}
}

// TestGarbageMidStream breaks packets in every way and then expects clean ones to decode as ever.
func TestGarbageMidStream(t *testing.T) {
	noLeaks(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range videoCodecs {
		e, d := newPair(t, VideoEncoderConfig{Codec: c, Width: 320, Height: 240, Bitrate: 800_000})
		for n := range 60 {
			f := paint(320, 240, n)
			p := must[media.Packet](t)(e.Encode(f, n%20 == 0))
			switch {
			case n%20 == 0 || n >= 40:
			case n%3 == 0:
				for range 10 {
					p.Data[random.IntN(len(p.Data))] = byte(random.Uint32())
				}
			case n%3 == 1:
				p.Data = p.Data[:len(p.Data)/2]
			default:
				for i := range p.Data {
					p.Data[i] = byte(random.Uint32())
				}
			}
			out, err := d.Decode(p)
			if n >= 40 && (err != nil || len(out) != 1 || psnr(out[0].Planes, f.Planes) < 28) {
				t.Errorf("%s: clean frame %d: %d frames, %v", c, n, len(out), err)
			}
			releaseAll(out)
			f.Release()
		}
	}
	for _, c := range audioCodecs {
		e := must[*AudioEncoder](t)(NewAudioEncoder(AudioEncoderConfig{Codec: c, Channels: 1, Bitrate: 96000}))
		defer e.Close()
		dec := must[*AudioDecoder](t)(NewAudioDecoder(e.Track()))
		defer dec.Close()
		packets := must[[]media.Packet](t)(e.Encode(clicks(48000, 0, 3*time.Second)))
		var out []media.Samples
		for n, p := range packets {
			if n > 5 && n < len(packets)/3 {
				for i := range p.Data {
					p.Data[i] = byte(random.Uint32())
				}
			}
			s, err := dec.Decode(p)
			if n > len(packets)/3 && err != nil {
				t.Errorf("%s: clean packet %d: %v", c, n, err)
			}
			if n > len(packets)/2 {
				out = append(out, s...)
			}
		}
		// Clicks stand every 250 ms from 100 ms on.
		checkClicks(t, out, 2*time.Second, 900*time.Millisecond, time.Millisecond)
	}
	for _, data := range [][]byte{nil, {}} {
		d := must[*VideoDecoder](t)(NewVideoDecoder(media.Track{Codec: media.H264}))
		defer d.Close()
		if _, err := d.Decode(media.Packet{Data: data}); err == nil {
			t.Error("an empty packet decodes")
		}
	}
}
