package testspeaker

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sampleFile is the film that the page offers: its sound is speech that is always at hand.
const sampleFile = "../../../web/public/sample.mp4"

// speech is the sample's sound: 48 kHz mono.
var speech = sync.OnceValues(func() (media.Samples, error) {
	src, err := file.Open(sampleFile)
	if err != nil {
		return media.Samples{}, err
	}
	defer src.Close()
	_, sound, err := decode(src)
	return sound, err
})

func speechOf(t testing.TB) media.Samples {
	t.Helper()
	s, err := speech()
	if err != nil {
		t.Fatal(err)
	}
	s.Data = append([]int16(nil), s.Data...)
	return s
}

// seen is what is known of a decoded frame.
type seen struct {
	at   time.Duration
	n    uint16
	ok   bool
	w, h int
}

// decode reads a source to its end: the frames, and the sound as one piece.
func decode(src media.Source) ([]seen, media.Samples, error) {
	var all []seen
	var sound media.Samples
	var video *codec.VideoDecoder
	var audio *codec.AudioDecoder
	for _, t := range src.Tracks() {
		var err error
		if t.Kind == media.Video {
			video, err = codec.NewVideoDecoder(t)
		} else {
			audio, err = codec.NewAudioDecoder(t)
		}
		if err != nil {
			return nil, sound, err
		}
	}
	defer video.Close()
	defer audio.Close()
	take := func(frames []*media.Frame) {
		for _, f := range frames {
			n, ok := ReadBar(f)
			all = append(all, seen{at: f.PTS, n: n, ok: ok, w: f.Width, h: f.Height})
			f.Release()
		}
	}
	for {
		p, err := src.Read(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, sound, err
		}
		if p.Kind == media.Video {
			frames, err := video.Decode(p)
			if err != nil {
				return nil, sound, err
			}
			take(frames)
			continue
		}
		pcm, err := audio.Decode(p)
		if err != nil {
			return nil, sound, err
		}
		for _, s := range pcm {
			sound = join(sound, s)
		}
	}
	frames, err := video.Flush()
	take(frames)
	return all, sound, err
}

// join puts b behind a, at its own time.
func join(a, b media.Samples) media.Samples {
	if a.Rate == 0 {
		b.Data = append([]int16(nil), b.Data...)
		return b
	}
	at := media.TimeToSamples(b.PTS-a.PTS, a.Rate) * a.Channels
	for len(a.Data) < at {
		a.Data = append(a.Data, 0)
	}
	a.Data = append(a.Data[:at], b.Data...)
	return a
}
