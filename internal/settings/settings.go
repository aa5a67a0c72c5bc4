// Package settings turns the configuration to what sessions and nets are made
// with, for every program that reads it.
package settings

import (
	"errors"
	"fmt"
	"time"

	"livedub/inference"
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
	policy := inference.Policy(c.Session.Policy)
	if policy == "auto" {
		policy = ""
	}
	return spec.Config{
		Profile: profile, Delay: delay, MaxLag: time.Duration(c.Session.MaxLagMS) * time.Millisecond, Policy: policy, BackgroundGain: c.Session.BackgroundGain,
		Loudness: spec.LoudnessTargets{Live: c.Sound.Loudness, Program: c.Sound.ProgramLoudness},
		Badge:    badge.Config{Corner: badge.Corner(c.Lips.Badge), Height: c.Lips.BadgeHeight},
		Video: spec.VideoConfig{
			MaxWidth: c.Video.MaxWidth, MaxHeight: c.Video.MaxHeight,
			Bitrate: c.Video.BitrateKbps * 1000, Hardware: hardware, Decoder: c.Video.Decoder, Preset: c.Video.Preset,
		},
	}
}

// Hint adds to an error of ONNX Runtime which setting mends it.
func Hint(err error) error {
	for _, h := range []struct {
		of  error
		say string
	}{
		{onnx.ErrNoLibrary, "make build brings it, or set onnx.library to its path"},
		{onnx.ErrOtherLibrary, "give all nets the same onnx.library, and start anew to change it"},
		{onnx.ErrCPUBuild, "set onnx.library to the folder of a GPU build, or onnx.provider: cpu"},
		{onnx.ErrNoDriver, "install it, or set onnx.provider: cpu"},
		{inference.ErrModelMemory, "raise onnx.memory_mb, or run smaller batches"},
	} {
		if errors.Is(err, h.of) {
			return fmt.Errorf("%w: %s", err, h.say)
		}
	}
	return err
}

// Model returns what the configuration says of any net in this process.
func Model(c config.ONNX) onnx.ModelConfig {
	return onnx.ModelConfig{
		Provider: c.Provider, Device: c.Device, AllowFallback: c.AllowFallback, NHWC: c.ChannelsLast,
		MemoryLimitMB: c.MemoryMB, Threads: c.Threads, TimeLimit: c.TimeLimit,
	}
}
