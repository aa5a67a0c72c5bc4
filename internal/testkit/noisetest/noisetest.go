// Package noisetest makes a program of noise, for tests and benchmarks of what passes
// packets on and decodes none of them.
package noisetest

import (
	"context"
	"math/rand/v2"
	"time"

	"livedub/media"
)

const (
	fps     = 30
	bitrate = 2_000_000 // of the frames
	rate    = 48000
	samples = 1024 // of a packet of sound
)

// sets are the parameter sets of H.264 at 640 by 360, in Annex B.
var sets = []byte("\x00\x00\x00\x01\x67\x42\xc0\x1e\xda\x02\x80\xbf\xe5\xc0\x44\x00\x00\x03\x00\x04\x00\x00\x03\x00\xf0\x3c\x58\xba\x80\x00\x00\x00\x01\x68\xce\x0f\xc8")

// Tracks returns those of the program: H.264 of 640 by 360 pixels, 30 frames/s, and AAC
// of one channel at 48 kHz.
func Tracks() []media.Track {
	return []media.Track{
		{Kind: media.Video, Codec: media.H264, Extradata: sets, Width: 640, Height: 360, FrameRate: fps},
		{Kind: media.Audio, Codec: media.AAC, Extradata: []byte{0x11, 0x88}, SampleRate: rate, Channels: 1},
	}
}

// Play writes the packets of the program in real time until ctx ends, or write fails,
// whose error it returns: 2 Mbit/s of frames, with a keyframe each 2 s, and 64 kbit/s of
// sound.
func Play(ctx context.Context, write func(media.Packet) error) error {
	payload := make([]byte, bitrate/8/fps)
	for i := range payload {
		payload[i] = byte(1 + rand.IntN(255)) // without zeros, which could begin a unit
	}
	began, sounds := time.Now(), 0
	for k := 0; ctx.Err() == nil; k++ {
		at := time.Duration(k) * time.Second / fps
		time.Sleep(at - time.Since(began))
		unit := append([]byte("\x00\x00\x00\x01\x41"), payload...)
		key := k%(2*fps) == 0
		if key {
			unit = append(append([]byte{}, sets...), append([]byte("\x00\x00\x00\x01\x65"), payload...)...)
		}
		if err := write(media.Packet{Kind: media.Video, PTS: at, DTS: at, Key: key, Duration: time.Second / fps, Data: unit}); err != nil {
			return err
		}
		for ; media.SamplesToTime(sounds*samples, rate) < at; sounds++ {
			when := media.SamplesToTime(sounds*samples, rate)
			if err := write(media.Packet{Kind: media.Audio, PTS: when, DTS: when, Key: true, Duration: media.SamplesToTime(samples, rate), Data: payload[:170]}); err != nil {
				return err
			}
		}
	}
	return nil
}
