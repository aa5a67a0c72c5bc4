// Package filmtest makes and reads films of the test speaker: which of its frames are
// shown when, and when its markers sound.
package filmtest

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sort"
	"testing"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

// Film is what is in a film. Times are the film's.
type Film struct {
	Length  time.Duration
	Frames  []Frame         // that bear a number
	Markers []time.Duration // of its sound
}

// Frame is a frame by the number that was burnt into it.
type Frame struct {
	At     time.Duration
	Number uint16
}

// Speaker returns length of the speaker as Read knows it: H.264 of 320 by 180 pixels, 25
// frames/s with their numbers, and AAC with a marker at each whole second.
func Speaker(t testing.TB, length time.Duration) media.Source {
	t.Helper()
	tk, err := testspeaker.New(testspeaker.Config{Width: 320, Height: 180, FPS: 25, BarCode: true, Markers: true})
	if err != nil {
		t.Fatal(err)
	}
	src, err := testspeaker.NewSource(tk, testspeaker.SourceConfig{Audio: media.AAC, Length: length})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// Read reads a film with one track of frames and one of sound, all of which must decode.
func Read(ctx context.Context, path string) (f Film, err error) {
	src, err := file.Open(path)
	if err != nil {
		return f, err
	}
	defer src.Close()
	sound, frames := media.FindTrack(src.Tracks(), media.Audio), media.FindTrack(src.Tracks(), media.Video)
	if sound == nil || frames == nil {
		return f, errors.New("the film lacks sound or frames")
	}
	video, err := codec.NewVideoDecoder(*frames)
	if err != nil {
		return f, err
	}
	defer video.Close()
	audio, err := codec.NewAudioDecoder(*sound)
	if err != nil {
		return f, err
	}
	defer audio.Close()
	all := media.Samples{Rate: 48000, Channels: sound.Channels}
	for {
		p, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f, err
		}
		f.Length = max(f.Length, p.PTS+p.Duration)
		if p.Kind == media.Audio {
			heard, err := audio.Decode(p)
			if err != nil {
				return f, err
			}
			for _, s := range heard {
				at := max(0, media.TimeToSamples(s.PTS, s.Rate)*s.Channels)
				all.Data = append(all.Data, make([]int16, max(0, at+len(s.Data)-len(all.Data)))...)
				copy(all.Data[at:], s.Data)
			}
			continue
		}
		seen, err := video.Decode(p)
		if err != nil {
			return f, err
		}
		for _, x := range seen {
			if n, ok := testspeaker.ReadBar(x); ok {
				f.Frames = append(f.Frames, Frame{x.PTS, n})
			}
			x.Release()
		}
	}
	f.Markers, err = testspeaker.FindMarkers(all)
	return f, err
}

// Shows returns what moment of the speaker's material, whose frames are numbered from 0
// and come at that rate, a moment of the film shows; false where it shows none.
func (f Film) Shows(at time.Duration, rate float64) (time.Duration, bool) {
	i := sort.Search(len(f.Frames), func(i int) bool { return f.Frames[i].At > at })
	if i == 0 || at-f.Frames[i-1].At > time.Second/5 {
		return 0, false
	}
	for i > 1 && f.Frames[i-2].Number == f.Frames[i-1].Number { // the film's rate may be higher
		i--
	}
	return time.Duration(float64(f.Frames[i-1].Number)/rate*float64(time.Second)) + at - f.Frames[i-1].At, true
}

// Late returns by how many ms the sound is late at each marker, in order of size; the
// material has a marker at each whole second.
func (f Film) Late(rate float64) (out []float64) {
	for _, m := range f.Markers {
		if shows, ok := f.Shows(m, rate); ok {
			out = append(out, float64((shows-shows.Round(time.Second)).Microseconds())/1000)
		}
	}
	slices.Sort(out)
	return out
}

// Jumps returns where what the film shows does not go on as time does, by more than by:
// the film's time, and how much of the material is left out there; less than zero where
// some is shown again. The material is shown over and over, length long.
func (f Film) Jumps(rate float64, length, by time.Duration) (at, left []time.Duration) {
	for i := 1; i < len(f.Frames); i++ {
		a, b := f.Frames[i-1], f.Frames[i]
		if a.Number == b.Number {
			continue
		}
		passed := time.Duration(float64(int(b.Number)-int(a.Number)) / rate * float64(time.Second))
		first := i - 1
		for first > 0 && f.Frames[first-1].Number == a.Number {
			first--
		}
		missing := passed - (b.At - f.Frames[first].At)
		missing -= time.Duration(math.Round(missing.Seconds()/length.Seconds())) * length
		if missing.Abs() > by {
			at, left = append(at, b.At), append(left, missing)
		}
	}
	return at, left
}
