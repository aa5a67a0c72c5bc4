package codec

import (
	"fmt"
	"sync"

	"livedub/media"
)

// nvenc tells whether this machine encodes in hardware. It is tried once: a
// driver does not come and go under a running server.
var nvenc = sync.OnceValue(func() error { return ProbeVideoEncoder("h264_nvenc") })

// ProbeVideoEncoder opens the encoder "libx264", "h264_nvenc" or "libvpx" (VP8)
// and encodes one picture of 320x240. It returns nil if that works.
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

// fillBlack paints all of p.
func fillBlack(p media.Planes) {
	for i := range p.Y {
		p.Y[i] = 16
	}
	for i := range p.U {
		p.U[i] = 128
	}
	for i := range p.V {
		p.V[i] = 128
	}
}
