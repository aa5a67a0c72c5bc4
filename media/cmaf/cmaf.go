// Package cmaf makes CMAF of packets, and packets of CMAF: an initialization section
// and segments, which a player can begin with any of them and which can be played
// while they come.
//
// Segments lie on a grid: segment n holds what is presented from n times the length
// on. Two muxers that are fed the same times cut at the same places, so that a
// segment of one can be followed by one of the other.
//
// Times in the segments are the packets' own. The frames of AAC stand at the times of
// what a decoder makes of them, and those that hold nothing but an encoder's priming
// are left out: so no edit list is needed, and sound and frames are together from
// whichever segment one begins.
package cmaf

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"livedub/media"
)

// Tracks have these numbers in the files, and time scales (1/s).
const (
	videoID    = 1
	audioID    = 2
	videoScale = 90000
)

// Init is an initialization section. It is needed before the segments that follow it.
type Init struct {
	Data          []byte
	Tracks        []media.Track // those that the segments may have; H.264 with its parameter sets in Extradata, in Annex B form
	Codecs        string        // as a playlist states them (RFC 6381)
	Width, Height int           // pixels; 0 without frames
}

// Segment is one segment.
type Segment struct {
	N        int64         // its place in the grid
	At       time.Duration // when the first of what is in it is presented
	Duration time.Duration // of what is in it
	Data     []byte
	Whole    bool // nothing of its time is missing, and it begins with a keyframe
}

// ErrClosed is returned by what is used after Close.
var ErrClosed = errors.New("cmaf: closed")

// errData is returned for what cannot be read.
var errData = errors.New("cmaf: not the CMAF that is made here")

// scaleOf returns in what parts of a second a track's times are given.
func scaleOf(t media.Track) int {
	if t.Kind == media.Video {
		return videoScale
	}
	return t.SampleRate
}

// toTicks rounds t to the nearest 1/scale s.
func toTicks(t time.Duration, scale int) int64 { return int64(media.TimeToSamples(t, scale)) }

// aac returns what an AudioSpecificConfig says.
func aac(t media.Track) (*codecs.MPEG4Audio, error) {
	c := &codecs.MPEG4Audio{}
	if err := c.Config.Unmarshal(t.Extradata); err != nil {
		return nil, fmt.Errorf("cmaf: the sound's configuration: %w", err)
	}
	if c.Config.Type != mpeg4audio.ObjectTypeAACLC || c.Config.SampleRate <= 0 || c.Config.FrameLengthFlag {
		return nil, fmt.Errorf("cmaf: sound of object type %d at %d Hz: AAC-LC with frames of %d samples is taken", c.Config.Type, c.Config.SampleRate, aacFrame)
	}
	return c, nil
}

// aacFrame is how many sample instants a frame of AAC has.
const aacFrame = 1024

// codecsOf returns the codecs as RFC 6381 has them.
func codecsOf(video *codecs.H264, sound *codecs.MPEG4Audio) string {
	out := ""
	if video != nil && len(video.SPS) >= 4 {
		out = fmt.Sprintf("avc1.%02x%02x%02x", video.SPS[1], video.SPS[2], video.SPS[3])
	}
	if sound != nil {
		if out != "" {
			out += ","
		}
		out += fmt.Sprintf("mp4a.40.%d", sound.Config.Type)
	}
	return out
}
