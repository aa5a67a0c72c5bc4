package codec

import (
	"testing"
	"time"

	"livedub/media"
)

// cleanVideo returns a few access units of c (H264, VP8), the first a keyframe.
func cleanVideo(t testing.TB, c media.Codec) []media.Packet {
	e := must[*VideoEncoder](t)(NewVideoEncoder(VideoEncoderConfig{Codec: c, Width: 64, Height: 48, Bitrate: 200_000}))
	defer e.Close()
	var out []media.Packet
	for n := range 4 {
		f := paint(64, 48, n)
		f.PTS = framePTS(n)
		out = append(out, must[media.Packet](t)(e.Encode(f, false)))
		f.Release()
	}
	return out
}

func cleanAudio(t testing.TB, c media.Codec) (media.Track, []media.Packet) {
	e := must[*AudioEncoder](t)(NewAudioEncoder(AudioEncoderConfig{Codec: c, Channels: 2}))
	defer e.Close()
	return e.Track(), must[[]media.Packet](t)(e.Encode(stereo(clicks(48000, 0, 120*time.Millisecond))))
}

var fuzzedVideo = []media.Codec{media.H264, media.VP8, media.HEVC, media.VP9, media.AV1, "mpeg1video", "mjpeg"}

// FuzzVideoDecode puts a broken packet between clean ones, and broken
// extradata before: nothing may crash, leak or keep a clean stream from decoding again.
func FuzzVideoDecode(f *testing.F) {
	clean := map[media.Codec][]media.Packet{}
	for _, c := range videoCodecs {
		clean[c] = cleanVideo(f, c)
	}
	for i, c := range fuzzedVideo {
		for _, p := range clean[c] {
			f.Add(uint8(i), []byte(nil), p.Data)
			f.Add(uint8(i), p.Data, append(p.Data[:len(p.Data)/2:len(p.Data)/2], p.Data...))
		}
		f.Add(uint8(i), []byte{1, 66, 0, 31, 255, 225, 0, 0}, []byte{0, 0, 0, 1, 101, 136, 132})
		f.Add(uint8(i), []byte(nil), []byte{0})
	}
	f.Fuzz(func(t *testing.T, kind uint8, extradata, data []byte) {
		c := fuzzedVideo[int(kind)%len(fuzzedVideo)]
		before := media.LiveFrames()
		for _, x := range [][]byte{nil, extradata} {
			d, err := NewVideoDecoder(media.Track{Codec: c, Extradata: x})
			if err != nil {
				continue
			}
			feed := func(p media.Packet) int {
				frames, err := d.Decode(p)
				if err != nil && len(frames) > 0 {
					t.Error("frames beside an error")
				}
				for _, f := range frames {
					if err := checkPlanes(f); err != nil {
						t.Error(err)
					}
				}
				releaseAll(frames)
				return len(frames)
			}
			for _, p := range clean[c] {
				feed(p)
			}
			feed(media.Packet{Data: data})
			left, _ := d.Flush()
			releaseAll(left)
			got := 0
			for _, p := range clean[c] {
				got += feed(p)
			}
			left, _ = d.Flush()
			got += len(left)
			releaseAll(left)
			if x == nil && clean[c] != nil && got == 0 {
				t.Error("clean packets no longer decode")
			}
			d.Close()
		}
		if n := media.LiveFrames() - before; n != 0 {
			t.Errorf("%d frames leaked", n)
		}
	})
}

var fuzzedAudio = []media.Codec{media.Opus, media.AAC, "mp3", "mp2", "ac3", "flac", "vorbis", "pcm_s16le"}

// FuzzAudioDecode is FuzzVideoDecode for sound.
func FuzzAudioDecode(f *testing.F) {
	clean := map[media.Codec][]media.Packet{}
	tracks := map[media.Codec]media.Track{}
	for _, c := range audioCodecs {
		tracks[c], clean[c] = cleanAudio(f, c)
	}
	for i, c := range fuzzedAudio {
		for _, p := range clean[c] {
			f.Add(uint8(i), tracks[c].Extradata, p.Data, 312, 10)
			f.Add(uint8(i), p.Data, p.Data[:len(p.Data)/2], -1, 1<<30)
		}
		f.Add(uint8(i), []byte("OpusHead\x01\x06\x00\x00\x80\xbb\x00\x00\x10\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05"), []byte{255, 251, 144, 0}, 1<<40, 0)
	}
	f.Fuzz(func(t *testing.T, kind uint8, extradata, data []byte, start, end int) {
		c := fuzzedAudio[int(kind)%len(fuzzedAudio)]
		for _, track := range []media.Track{tracks[c], {Codec: c, Extradata: extradata, SampleRate: 44100, Channels: 2}} {
			track.Codec = c
			d, err := NewAudioDecoder(track)
			if err != nil {
				continue
			}
			feed := func(p media.Packet) (n int) {
				out, _ := d.Decode(p)
				for _, s := range out {
					if s.Channels < 1 || s.Channels > 2 || s.Rate <= 0 || len(s.Data)%s.Channels != 0 || len(s.Data) == 0 {
						t.Errorf("%d values of %d channels at %d Hz", len(s.Data), s.Channels, s.Rate)
					}
					n += s.Frames()
				}
				return n
			}
			feed(media.Packet{Data: data, SkipStart: start, SkipEnd: end})
			if _, err := d.Flush(); err != nil && c == media.Opus {
				t.Error(err)
			}
			got := 0
			for _, p := range clean[c] {
				got += feed(p)
			}
			if got == 0 && len(clean[c]) > 0 && track.SampleRate == opusRate {
				t.Error("clean packets no longer decode")
			}
			d.Close()
		}
	})
}

// fuzzedByParams are decoders that go by what a container tells.
var fuzzedByParams = []media.Codec{"wmav1", "wmav2", "wmapro", "adpcm_ima_wav", "adpcm_ms", "adpcm_yamaha", "adpcm_ima_qt", "g726", "gsm_ms",
	"pcm_dvd", "rawvideo", "v210", "utvideo", "mpeg2video", "msmpeg4v3", "cinepak", "ffv1"}

// FuzzParams lets a container lie about everything but the codec: nothing may crash or leak.
func FuzzParams(f *testing.F) {
	for i := range fuzzedByParams {
		f.Add(uint8(i), []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, make([]byte, 4096), uint32(0), 1024, 4, 32000, 44100, 2, 64, 48, uint8(2), uint8(media.PQ), "yuv420p10le")
		f.Add(uint8(i), []byte(nil), []byte{0, 0, 1, 179, 255, 255, 0, 0}, uint32(1<<32-1), 1<<40, -1, 1<<62, 1, 1, 1, 1, uint8(9), uint8(media.HLG), "pal8")
	}
	f.Fuzz(func(t *testing.T, kind uint8, extradata, data []byte, tag uint32, align, bits, bitrate, rate, channels, w, h int, fields, transfer uint8, format string) {
		if w > 512 || h > 512 || len(data) > 1<<16 { // memory is not what is tried here
			return
		}
		before := media.LiveFrames()
		track := media.Track{
			Codec: fuzzedByParams[int(kind)%len(fuzzedByParams)], Extradata: extradata, Tag: tag, BlockAlign: align, BitsPerSample: bits,
			BitRate: bitrate, SampleRate: rate, Channels: channels, Width: w, Height: h, Fields: media.Fields(fields), Format: format,
			Color: media.Color{Primaries: 9, Transfer: transfer, Matrix: 9},
		}
		if d, err := NewAudioDecoder(track); err == nil {
			_, _ = d.Decode(media.Packet{Data: data})
			_, _ = d.Decode(media.Packet{Data: data})
			_, _ = d.Flush()
			d.Close()
		}
		if d, err := NewVideoDecoder(track); err == nil {
			for range 3 {
				frames, _ := d.Decode(media.Packet{Data: data, Key: true})
				for _, f := range frames {
					if err := checkPlanes(f); err != nil {
						t.Error(err)
					}
				}
				releaseAll(frames)
			}
			frames, _ := d.Flush()
			releaseAll(frames)
			d.Close()
		}
		if n := media.LiveFrames() - before; n != 0 {
			t.Errorf("%d frames leaked", n)
		}
	})
}
