package codec

import (
	"fmt"
	"testing"
	"time"

	"livedub/media"
)

// framesOf decodes a file's frames; the test releases them.
func framesOf(t *testing.T, track media.Track, packets []media.Packet) []*media.Frame {
	t.Helper()
	d := must[*VideoDecoder](t)(NewVideoDecoder(track))
	defer d.Close()
	var out []*media.Frame
	for _, p := range packets {
		out = append(out, must[[]*media.Frame](t)(d.Decode(p))...)
	}
	out = append(out, must[[]*media.Frame](t)(d.Flush())...)
	if err := d.Degraded(); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { releaseAll(out) })
	return out
}

// combed returns the share of pixels that lie far to one side of both the line above and the one below.
func combed(p media.Planes) float64 {
	n := 0
	for y := 1; y < p.Height-1; y++ {
		for x := range p.Width {
			at := func(y int) int { return int(p.Y[y*p.YStride+x]) }
			if up, down := at(y)-at(y-1), at(y)-at(y+1); up*down > 400 {
				n++
			}
		}
	}
	return float64(n) / float64(p.Width*p.Height)
}

// moving is a bright upright bar that moves by 8 pixels a field, on grey.
const moving = "color=gray:size=352x288:rate=50:d=1,format=yuv420p,geq=lum='if(lt(mod(X-N*8,176),24),220,60)':cb=128:cr=128"

func TestInterlacedFramesAreMadeWhole(t *testing.T) {
	for name, args := range map[string][]string{
		"top first":    {"-vf", "interlace=scan=tff:lowpass=off", "-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct", "-top", "1"},
		"bottom first": {"-vf", "interlace=scan=bff:lowpass=off", "-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct", "-top", "0"},
		"h264":         {"-vf", "interlace=scan=tff:lowpass=off", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "10", "-flags", "+ilme+ildct", "-x264-params", "interlaced=1"},
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			path := ffmpegLavfi(t, moving, "in.ts", args...)
			track, packets := demux(t, path, "v", 2)
			frames := framesOf(t, track, packets)
			if len(frames) != 25 {
				t.Errorf("%d frames, want 25", len(frames))
			}
			for i, f := range frames {
				if i > 0 && f.PTS-frames[i-1].PTS != 40*time.Millisecond {
					t.Errorf("frame %d comes %v after the one before", i, f.PTS-frames[i-1].PTS)
				}
				// The first and the last have but one neighbour to take from.
				if c := combed(f.Planes); c > .004 && i > 0 && i < len(frames)-1 {
					t.Errorf("frame %d: %.2f %% of it is combed", i, 100*c)
				}
			}
		})
	}
}

// TestInterlacedInBetween: frames become interlaced in the midst of a stream, and
// whole again; none is lost, and a decoder that was flushed can begin anew.
func TestInterlacedInBetween(t *testing.T) {
	noLeaks(t)
	whole := ffmpegLavfi(t, moving, "whole.ts", "-r", "25", "-c:v", "mpeg2video", "-q:v", "2")
	woven := ffmpegLavfi(t, moving, "woven.ts", "-vf", "interlace=lowpass=off", "-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct")
	track, a := demux(t, whole, "v", 2)
	_, b := demux(t, woven, "v", 2)
	d := must[*VideoDecoder](t)(NewVideoDecoder(track))
	defer d.Close()
	for range 2 {
		var out []*media.Frame
		at := time.Duration(0)
		for _, part := range [][]media.Packet{a, b, a} {
			for _, p := range part {
				p.PTS, p.DTS = at, at
				at += 40 * time.Millisecond
				out = append(out, must[[]*media.Frame](t)(d.Decode(p))...)
			}
		}
		out = append(out, must[[]*media.Frame](t)(d.Flush())...)
		if want := 2*len(a) + len(b); len(out) != want {
			t.Errorf("%d frames, want %d", len(out), want)
		}
		for i, f := range out {
			if i > 0 && f.PTS <= out[i-1].PTS {
				t.Errorf("frame %d at %v follows %v", i, f.PTS, out[i-1].PTS)
			}
		}
		releaseAll(out)
	}
}

// TestHDR checks grey steps of known light: ITU-R BT.2408 has paper white at 203 cd/m2.
func TestHDR(t *testing.T) {
	for _, c := range []struct {
		transfer string
		code     [3]int // 10-bit luma of 0, of 36.5 (18 % of white) and of 203 cd/m2
	}{
		{"smpte2084", [3]int{64, 418, 573}},
		{"arib-std-b67", [3]int{64, 446, 721}},
	} {
		var last byte
		for i, want := range []byte{16, 118, 198} {
			source := fmt.Sprintf("color=black:size=64x64:rate=25:d=0.2,format=yuv420p10le,geq=lum=%d:cb=512:cr=512", c.code[i])
			path := ffmpegLavfi(t, source, "in.mkv", "-c:v", "ffv1", "-color_primaries", "bt2020", "-color_trc", c.transfer, "-colorspace", "bt2020nc", "-color_range", "tv")
			track, packets := demux(t, path, "v", 1)
			track.Color = media.Color{Primaries: 9, Transfer: media.PQ, Matrix: 9}
			if c.transfer != "smpte2084" {
				track.Color.Transfer = media.HLG
			}
			for _, f := range framesOf(t, track, packets) {
				if f.Color != (media.Color{Primaries: media.BT709, Transfer: media.BT709, Matrix: media.BT709}) {
					t.Fatalf("%s: colours %v", c.transfer, f.Color)
				}
				y, u, v := f.Y[f.YStride*32+32], f.U[f.UVStride*16+16], f.V[f.UVStride*16+16]
				if max(y, want)-min(y, want) > 8 || y <= last && i > 0 || max(u, v) > 130 || min(u, v) < 126 {
					t.Errorf("%s, step %d: %d %d %d, want luma %d without colour", c.transfer, i, y, u, v, want)
				}
				last = y
				break
			}
		}
	}
}

// Colours are told from the source's container or stream to the encoder's stream.
func TestColoursAreTold(t *testing.T) {
	noLeaks(t)
	path := ffmpegLavfi(t, "testsrc2=size=160x128:rate=25:d=0.4", "in.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-colorspace", "smpte170m")
	track, packets := demux(t, path, "v", 1)
	bt601 := media.Color{Primaries: media.BT601, Transfer: media.BT601, Matrix: media.BT601}
	frames := framesOf(t, track, packets)
	if frames[0].Color != bt601 {
		t.Fatalf("decoded as %v", frames[0].Color)
	}
	s := NewShaper(media.Track{}, 96, 96)
	defer s.Close()
	small := must[*media.Frame](t)(s.Shape(frames[0].Retain()))
	defer small.Release()
	if small.Color != bt601 || small.Width > 96 {
		t.Errorf("shaped to %v of %d", small.Color, small.Width)
	}
	e := must[*VideoEncoder](t)(NewVideoEncoder(VideoEncoderConfig{Codec: media.H264, Width: small.Width, Height: small.Height, Bitrate: 500_000, Color: small.Color}))
	defer e.Close()
	d := must[*VideoDecoder](t)(NewVideoDecoder(e.Track()))
	defer d.Close()
	again := must[[]*media.Frame](t)(d.Decode(must[media.Packet](t)(e.Encode(small, false))))
	if again[0].Color != bt601 {
		t.Errorf("encoded as %v", again[0].Color)
	}
	releaseAll(again)
	// Live, colours may change: the next frame is a keyframe that says so.
	other := small.Clone()
	defer other.Release()
	other.Color, other.PTS = media.Color{Primaries: 1, Transfer: 1, Matrix: 1}, time.Second
	p := must[media.Packet](t)(e.Encode(other, false))
	again = must[[]*media.Frame](t)(d.Decode(p))
	if !p.Key || again[0].Color != other.Color {
		t.Errorf("after a change: key %v, %v", p.Key, again[0].Color)
	}
	releaseAll(again)
}

func TestBelowOneFrameASecond(t *testing.T) {
	e, _ := newPair(t, VideoEncoderConfig{Codec: media.H264, Width: 160, Height: 96, FrameRate: .1, Bitrate: 200_000, OutOfBand: true})
	for n := range 5 {
		f := paint(160, 96, n)
		f.PTS = time.Duration(n) * 10 * time.Second
		p := must[media.Packet](t)(e.Encode(f, false))
		f.Release()
		if want := time.Duration(n) * 10 * time.Second; p.PTS != want {
			t.Errorf("frame %d at %v", n, p.PTS)
		}
	}
}

// The pixels' aspect is told where it is not the first frame's, and how long a frame lasts.
func TestAspectAndDurationAreTold(t *testing.T) {
	noLeaks(t)
	wide := ffmpegLavfi(t, "testsrc2=size=176x144:rate=25:d=0.4,setsar=16/11", "a.ts", "-c:v", "mpeg2video")
	tall := ffmpegLavfi(t, "testsrc2=size=176x144:rate=25:d=0.4,setsar=12/11", "b.ts", "-c:v", "mpeg2video")
	track, packets := demux(t, wide, "v", 1)
	_, more := demux(t, tall, "v", 1)
	for i, p := range more {
		more[i].PTS, more[i].DTS = p.PTS+time.Second, p.DTS+time.Second
	}
	all := append(packets, more...)
	for i := range all {
		all[i].Duration = 40 * time.Millisecond
	}
	frames := framesOf(t, track, all)
	first, last := frames[0], frames[len(frames)-1]
	if first.PixelAspect != 0 || last.PixelAspect < 1.05 || last.PixelAspect > 1.15 {
		t.Errorf("aspects %g and %g", first.PixelAspect, last.PixelAspect)
	}
	if first.Duration != 40*time.Millisecond {
		t.Errorf("lasts %v", first.Duration)
	}
}
