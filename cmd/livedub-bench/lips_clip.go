package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"livedub/inference"
	"livedub/internal/bench/lipseval"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

// drawnClip stands for a drawn speaker instead of a file.
const drawnClip = "drawn"

var videoFile = regexp.MustCompile(`(?i)\.(mp4|mov|mkv|webm|mpe?g|avi)$`)

func matching(paths []string, part string) []string {
	var out []string
	for _, p := range paths {
		if strings.Contains(filepath.Base(p), part) {
			out = append(out, p)
		}
	}
	return out
}

// lipsClip is a clip that is shown again and again; a frame is known by its
// number from the first one shown.
type lipsClip struct {
	frames []*media.Frame
	fps    float64
}

// mostLipsClip bounds how much of a clip is held in memory.
const mostLipsClip = 30 * time.Second

// readLipsClip decodes the first length of a clip to w by h pixels at most, or exactly if fix.
func readLipsClip(ctx context.Context, path string, w, h int, fix bool, length time.Duration) (*lipsClip, error) {
	src, err := openLipsClip(ctx, path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var track *media.Track
	for _, t := range src.Tracks() {
		if t.Kind == media.Video {
			track = &t
		}
	}
	if track == nil {
		return nil, errors.New("it has no video")
	}
	dec, err := codec.NewVideoDecoder(*track)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	shaper := codec.NewShaper(*track, w, h)
	defer shaper.Close()
	if fix {
		shaper.Fix(w, h)
	}
	c := &lipsClip{fps: track.FrameRate}
	if c.fps <= 0 || c.fps > 120 {
		c.fps = 30
	}
	most, full := int(c.fps*length.Seconds()), false
	take := func(frames []*media.Frame) error {
		for i, f := range frames {
			if full = len(c.frames) >= most; full {
				f.Release()
				continue
			}
			f, err := shaper.Shape(f)
			if err != nil {
				for _, g := range frames[i+1:] {
					g.Release()
				}
				return err
			}
			// A decoder has few frames of its own to lend.
			c.frames = append(c.frames, f.Clone())
			f.Release()
		}
		return nil
	}
	var rest []*media.Frame
	for !full && err == nil {
		var p media.Packet
		if p, err = src.Read(ctx); err != nil || p.Kind != media.Video {
			continue
		}
		var frames []*media.Frame
		if frames, err = dec.Decode(p); err == nil {
			err = take(frames)
		}
	}
	if errors.Is(err, io.EOF) {
		if rest, err = dec.Flush(); err == nil {
			err = take(rest)
		}
	}
	if err == nil && float64(len(c.frames)) < c.fps {
		err = fmt.Errorf("it has only %d frames: give a clip of a second at least", len(c.frames))
	}
	if err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

func openLipsClip(ctx context.Context, path string) (media.Source, error) {
	if path != drawnClip {
		return file.Open(path)
	}
	speech, err := testspeaker.Speak(ctx, nil, 300*time.Millisecond, testspeaker.Sentences...)
	if err != nil {
		return nil, err
	}
	t, err := testspeaker.New(testspeaker.Config{Width: 1280, Height: 720, FPS: 25, Speech: speech, Loop: true})
	if err != nil {
		return nil, err
	}
	return testspeaker.NewSource(t, testspeaker.SourceConfig{Length: 12 * time.Second, Bitrate: 4_000_000})
}

func (c *lipsClip) release() {
	for _, f := range c.frames {
		f.Release()
	}
}

// step is the time from one frame to the next.
func (c *lipsClip) step() time.Duration { return time.Duration(float64(time.Second) / c.fps) }

// at returns the frame of number i, held once by the caller.
func (c *lipsClip) at(i int) *media.Frame {
	src := c.frames[i%len(c.frames)].Retain()
	f := media.WrapFrame(src.Planes, src.Release)
	f.PTS = time.Duration(i) * c.step()
	return f
}

// near tells whether two times show frames less than 13 apart in the clip: of one moment.
func (c *lipsClip) near(a, b time.Duration) bool {
	n := len(c.frames)
	number := func(t time.Duration) int { return int((t+c.step()/2)/c.step()) % n }
	d := number(a) - number(b)
	d = max(d, -d)
	return min(d, n-d) <= 12
}

// track follows the faces in the first n frames shown.
func (c *lipsClip) track(ctx context.Context, tracker inference.FaceTracker, n int) ([][]inference.Face, error) {
	s, err := tracker.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	faces := make([][]inference.Face, n)
	done := 0
	for i := range n {
		f := c.at(i)
		at := f.PTS
		err := s.Track(ctx, f)
		f.Release()
		if err != nil {
			return nil, err
		}
		for ; done < i && time.Duration(done)*c.step() < at-inference.FaceWindow; done++ {
			faces[done] = s.Faces(time.Duration(done) * c.step())
		}
	}
	for ; done < n; done++ {
		faces[done] = s.Faces(time.Duration(done) * c.step())
	}
	return faces, nil
}

// eyesOf returns the eye line of the face with an ID, or of the largest.
func eyesOf(faces []inference.Face, id int) (lipseval.Eyes, bool) {
	for _, f := range faces {
		if f.ID == id {
			return lipseval.Eyes{Left: f.LeftEye, Right: f.RightEye}, true
		}
	}
	if len(faces) == 0 {
		return lipseval.Eyes{}, false
	}
	return lipseval.Eyes{Left: faces[0].LeftEye, Right: faces[0].RightEye}, true
}
