package doctor

import (
	"fmt"
	"math"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// decoders looks up what libavcodec brings. A call needs H.264 and VP8; files
// bring the others. NVDEC has to decode a frame; gpu is as for videoEncoders.
func decoders(c Config, gpu bool) []Check {
	version := "libavcodec " + codec.Version()["libavcodec"]
	rows := []Check{{Name: "h264_cuvid decoder", Kind: "decode", Needed: c.NeedNVDEC}}
	if err := codec.ProbeVideoDecoder("h264_cuvid"); err == nil {
		rows[0].Available, rows[0].Version = true, version
	} else if rows[0].Detail = oneLine(err); !gpu {
		rows[0].Install = driver()
	}
	for _, c := range []media.Codec{media.H264, media.HEVC, media.VP8, media.VP9, media.AV1} {
		row := Check{Name: string(c) + " decoder", Kind: "decode", Needed: c == media.H264 || c == media.VP8}
		if by, ok := codec.HasDecoder(c); ok {
			row.Available, row.Version, row.Detail = true, version, "by "+by
		} else {
			row.Install = apt("libavcodec-extra")
		}
		rows = append(rows, row)
	}
	return rows
}

// videoEncoders has each encode a frame. gpu tells whether NVML found one: a
// driver is then in place, and no line installs an encoder the chip lacks.
func videoEncoders(c Config, gpu bool) []Check {
	forNVENC := driver()
	if gpu {
		forNVENC = ""
	}
	v := codec.Version()
	var rows []Check
	for _, e := range []struct {
		name, probe, version string
		needed               bool
		install              string
	}{
		{"h264 encoder (x264)", "libx264", "libavcodec " + v["libavcodec"], true, apt("libavcodec-extra")},
		{"h264_nvenc encoder", "h264_nvenc", "libavcodec " + v["libavcodec"], c.NeedNVENC, forNVENC},
		{"vp8 encoder (libvpx)", "libvpx", "libvpx " + v["libvpx"], true, apt("libvpx-dev")},
	} {
		row := Check{Name: e.name, Kind: "encode", Needed: e.needed}
		if err := codec.ProbeVideoEncoder(e.probe); err != nil {
			row.Detail, row.Install = oneLine(err), e.install
		} else {
			row.Available, row.Version = true, e.version
		}
		rows = append(rows, row)
	}
	return rows
}

// audioCodecs sends a tone there and back.
func audioCodecs() []Check {
	v := codec.Version()
	var rows []Check
	for _, a := range []struct {
		codec            media.Codec
		version, install string
	}{
		{media.Opus, v["libopus"], apt("libopus-dev")},
		{media.AAC, "libavcodec " + v["libavcodec"], apt("libavcodec-extra")},
	} {
		row := Check{Name: string(a.codec), Kind: "encode", Needed: true, Detail: "encode and decode"}
		if err := roundTrip(a.codec); err != nil {
			row.Detail, row.Install = oneLine(err), a.install
		} else {
			row.Available, row.Version = true, a.version
		}
		rows = append(rows, row)
	}
	return rows
}

// roundTrip encodes and decodes 200 ms of a tone and wants to hear it.
func roundTrip(c media.Codec) error {
	const rate = 48000
	enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: c, Channels: 1})
	if err != nil {
		return err
	}
	defer enc.Close()
	tone := media.Samples{Rate: rate, Channels: 1, Data: make([]int16, rate/5)}
	for i := range tone.Data {
		tone.Data[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/rate))
	}
	packets, err := enc.Encode(tone)
	if err != nil {
		return err
	}
	rest, err := enc.Flush()
	if err != nil {
		return err
	}
	dec, err := codec.NewAudioDecoder(enc.Track())
	if err != nil {
		return err
	}
	defer dec.Close()
	var energy float64
	var heard time.Duration
	for _, p := range append(packets, rest...) {
		sound, err := dec.Decode(p)
		if err != nil {
			return err
		}
		for _, s := range sound {
			heard += s.Duration()
			for _, x := range s.Data {
				energy += float64(x) * float64(x)
			}
		}
	}
	if energy == 0 || heard < 100*time.Millisecond {
		return fmt.Errorf("doctor: %s gives %v of silence back", c, heard)
	}
	return nil
}
