package test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// What is said: sentences that the light engines understand.
const sentences = "Good morning. My brother bought the bread. We drink coffee every day. The house is very big. I have two dogs."

const (
	frameTime = time.Second / fps
	fps       = 25
	opusTime  = 20 * time.Millisecond
)

// clip is a voice and a moving picture, encoded, to be sent again and again.
type clip struct {
	frames [][]byte // VP8, one each frameTime
	h264   [][]byte // the same in H.264
	opus   [][]byte // one each opusTime
}

var clips struct {
	once sync.Once
	clip clip
	err  error
}

// material makes the clip by flite and ffmpeg, once.
func material(t *testing.T) clip {
	t.Helper()
	clips.once.Do(func() { clips.clip, clips.err = record() })
	if clips.err != nil {
		t.Fatal(clips.err)
	}
	return clips.clip
}

func record() (clip, error) {
	dir, err := os.MkdirTemp("", "livedub-livekit")
	if err != nil {
		return clip{}, err
	}
	defer os.RemoveAll(dir)
	wav, avc := filepath.Join(dir, "say.wav"), filepath.Join(dir, "frame.h264")
	if out, err := exec.Command("flite", "-voice", "rms", "-o", wav, "-t", sentences).CombinedOutput(); err != nil {
		return clip{}, fmt.Errorf("flite: %w\n%s", err, out)
	}
	c, err := encode(dir, "-i "+wav+" -af apad=pad_dur=1.5", "-f lavfi -i testsrc2=size=320x240:rate=25:duration=8")
	if err != nil {
		return c, err
	}
	if err := ffmpeg("-f lavfi -i testsrc2=size=320x240:rate=25:duration=8 -c:v libx264 -preset superfast -tune zerolatency -profile:v baseline -g 50 -x264-params aud=1 -f h264 " + avc); err != nil {
		return c, err
	}
	units, err := os.ReadFile(avc)
	if err != nil {
		return c, err
	}
	delimiter := []byte{0, 0, 0, 1, 9} // begins each frame
	for _, unit := range bytes.Split(units, delimiter)[1:] {
		c.h264 = append(c.h264, append(bytes.Clone(delimiter), unit...))
	}
	return c, nil
}

func ffmpeg(line string) error {
	if out, err := exec.Command("ffmpeg", strings.Fields("-v error -y "+line)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg %s: %w\n%s", line, err, out)
	}
	return nil
}

// encode has ffmpeg encode a sound and a picture, each given by what comes before the encoder.
func encode(dir, sound, picture string) (clip, error) {
	ivf, ogg := filepath.Join(dir, "frame.ivf"), filepath.Join(dir, "voice.ogg")
	if err := errors.Join(
		ffmpeg(sound+" -c:a libopus -b:a 48k -ar 48000 -ac 2 -frame_duration 20 -page_duration 20000 "+ogg),
		ffmpeg(picture+" -c:v libvpx -b:v 300k -deadline realtime -cpu-used 8 -g 50 -auto-alt-ref 0 "+ivf),
	); err != nil {
		return clip{}, err
	}
	var c clip
	video, err := os.Open(ivf)
	if err != nil {
		return c, err
	}
	defer video.Close()
	vr, _, err := ivfreader.NewWith(video)
	if err != nil {
		return c, err
	}
	for {
		frame, _, err := vr.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		c.frames = append(c.frames, frame)
	}
	voice, err := os.Open(ogg)
	if err != nil {
		return c, err
	}
	defer voice.Close()
	or, _, err := oggreader.NewWith(voice)
	if err != nil {
		return c, err
	}
	return c, readPages(or, &c)
}

// readPages takes the Opus packets, one to a page, out of Ogg.
func readPages(or *oggreader.OggReader, c *clip) error {
	for {
		page, header, err := or.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(page), "OpusTags") || header.GranulePosition == 0 {
			continue
		}
		c.opus = append(c.opus, page)
	}
}
