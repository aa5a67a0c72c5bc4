// Package settings turns the configuration to what sessions and nets are made
// with, for every program that reads it.
package settings

import (
	"time"

	"livedub/inference/onnx"
	"livedub/internal/config"
	"livedub/media/badge"
	"livedub/session/spec"
)

// Session returns what the configuration says about any session.
func Session(c config.Config) spec.Config {
	hardware := c.Video.Encoder
	if hardware == "x264" {
		hardware = "off"
	}
	profile := spec.Profile(c.Session.Profile)
	delay := profile.DefaultDelay()
	if ms := c.Session.DelayMS; ms > 0 {
		delay = time.Duration(ms) * time.Millisecond
	}
	return spec.Config{
		Profile: profile, Delay: delay, BackgroundGain: c.Session.BackgroundGain,
		Badge: badge.Config{Corner: badge.Corner(c.Lips.Badge), Height: c.Lips.BadgeHeight},
		Video: spec.VideoConfig{
			MaxWidth: c.Video.MaxWidth, MaxHeight: c.Video.MaxHeight,
			Bitrate: c.Video.BitrateKbps * 1000, Hardware: hardware, Decoder: c.Video.Decoder, Preset: c.Video.Preset,
		},
	}
}

// Model returns what the configuration says of any net in this process.
func Model(c config.ONNX) onnx.ModelConfig {
	return onnx.ModelConfig{
		Provider: c.Provider, Device: c.Device, AllowFallback: c.AllowFallback, NHWC: c.ChannelsLast,
		MemoryLimitMB: c.MemoryMB, Threads: c.Threads, TimeLimit: c.TimeLimit,
	}
}
