package codec

import (
	"fmt"
	"sync"
	"time"

	"livedub/media"
)

// nvenc tells whether this machine encodes in hardware. It is tried once: a
// driver does not come and go under a running server.
var nvenc = sync.OnceValue(func() error { return ProbeVideoEncoder("h264_nvenc") })

// ProbeVideoEncoder opens the encoder "libx264", "h264_nvenc" or "libvpx" (VP8)
// and encodes one frame of 320x240. It returns nil if that works.
func ProbeVideoEncoder(name string) error {
	c := VideoEncoderConfig{Codec: media.H264, Width: 320, Height: 240, FrameRate: 30, Bitrate: 500_000, Preset: "superfast"}
	var e videoBackend
	var err error
	switch name {
	case "libx264", "h264_nvenc":
		e, err = newAVEncoder(name, c)
	case "libvpx":
		e, err = newVPXEncoder(c)
	default:
		return fmt.Errorf("codec: unknown video encoder %q; choose libx264, h264_nvenc or libvpx", name)
	}
	if err != nil {
		return err
	}
	defer e.close()
	f := media.NewFrame(c.Width, c.Height)
	defer f.Release()
	fillBlack(f.Planes)
	_, key, err := e.encode(f, 0, true)
	if err == nil && !key {
		err = fmt.Errorf("codec: %s began without a keyframe", name)
	}
	return err
}

// nvdecName is what libavcodec calls NVDEC for H.264.
const nvdecName = "h264_cuvid"

// nvdec tells whether this machine decodes in hardware. It is tried once, as nvenc is.
var nvdec = sync.OnceValue(func() error { return ProbeVideoDecoder(nvdecName) })

// heldFrames is how many frames a decoder may hold back and still be used:
// the session decodes ahead, but not by more.
const heldFrames = 4

// ProbeVideoDecoder has the H.264 decoder of that name in libavcodec, "h264" or
// "h264_cuvid" (NVDEC), decode ten frames of 320x240 that grow brighter. It
// returns nil if they come back, in order and soon enough.
func ProbeVideoDecoder(name string) error {
	const frames = 10
	c := VideoEncoderConfig{Codec: media.H264, Width: 320, Height: 240, FrameRate: 30, Bitrate: 500_000, Preset: "superfast"}
	e, err := newAVEncoder("libx264", c)
	if err != nil {
		return fmt.Errorf("codec: no frame to try %s with: %w", name, err)
	}
	defer e.close()
	d, err := openVideoDecoder(media.Track{Codec: media.H264, Width: c.Width, Height: c.Height}, name)
	if err != nil {
		return err
	}
	defer d.Close()
	var back []*media.Frame
	defer func() {
		for _, f := range back {
			f.Release()
		}
	}()
	for i := range frames {
		f := media.NewFrame(c.Width, c.Height)
		fill(f.Planes, probeLuma(i))
		pts := time.Duration(i) * time.Second / 30
		data, key, err := e.encode(f, int64(i), i == 0)
		f.Release()
		if err != nil {
			return err
		}
		got, err := d.Decode(media.Packet{Data: data, Key: key, PTS: pts, DTS: pts})
		if err != nil {
			return err
		}
		if back = append(back, got...); i >= heldFrames && len(back) < i+1-heldFrames {
			return fmt.Errorf("codec: %s holds back more than %d frames", name, heldFrames)
		}
	}
	rest, err := d.Flush()
	if err != nil {
		return err
	}
	if back = append(back, rest...); len(back) != frames {
		return fmt.Errorf("codec: %s gives %d frames of %d back", name, len(back), frames)
	}
	for i, f := range back {
		if f.Width != c.Width || f.Height != c.Height || !sameLuma(f.Y[f.YStride*c.Height/2+c.Width/2], probeLuma(i)) {
			return fmt.Errorf("codec: %s gives another frame back at place %d", name, i)
		}
	}
	return nil
}

func probeLuma(i int) byte { return byte(40 + 18*i) }

func sameLuma(a, b byte) bool { return max(a, b)-min(a, b) <= 6 }

func fillBlack(p media.Planes) { fill(p, 16) }

// fill paints all of p grey.
func fill(p media.Planes, luma byte) {
	for i := range p.Y {
		p.Y[i] = luma
	}
	for i := range p.U {
		p.U[i] = 128
	}
	for i := range p.V {
		p.V[i] = 128
	}
}
