package broadcast

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/internal/testkit/hlstest"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/hls"
	"livedub/session/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tapeLength = 40 * time.Second

// tape is some seconds of a program, made once for all tests.
var tape = sync.OnceValues(func() (tracks []media.Track, packets []media.Packet) {
	video, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: media.H264, Width: 64, Height: 64, FrameRate: 25, Bitrate: 100_000})
	if err != nil {
		panic(err)
	}
	defer video.Close()
	sound, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.AAC, Channels: 1})
	if err != nil {
		panic(err)
	}
	defer sound.Close()
	for k := range int(tapeLength / (40 * time.Millisecond)) {
		at := time.Duration(k) * 40 * time.Millisecond
		f := media.NewFrame(64, 64)
		f.PTS = at
		v, err := video.Encode(f, k%50 == 0)
		f.Release()
		if err != nil {
			panic(err)
		}
		v.Duration = 40 * time.Millisecond
		if k == 0 {
			t := video.Track()
			t.Extradata = codec.ParameterSets(v.Data)
			tracks = []media.Track{t, sound.Track()}
		}
		pcm := make([]int16, 1920)
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/48000))
		}
		a, err := sound.Encode(media.Samples{PTS: at, Rate: 48000, Channels: 1, Data: pcm})
		if err != nil {
			panic(err)
		}
		packets = append(append(packets, v), a...)
	}
	slices.SortStableFunc(packets, func(a, b media.Packet) int { return int(a.PTS - b.PTS) })
	return tracks, packets
})

// call is a call whose dubs make the tape in a test's own time.
type call struct {
	t *testing.T
	*Program
	start time.Time
	lips  atomic.Bool

	mu       sync.Mutex
	attached map[string]media.Sink
	times    map[string]int // how often each language was attached
	refuse   bool
	feeding  sync.WaitGroup
}

func newCall(t *testing.T, c Config) *call {
	t.Helper()
	out := &call{t: t, start: time.Now(), attached: map[string]media.Sink{}, times: map[string]int{}}
	out.lips.Store(true)
	out.Program = newProgram(c.withDefaults(), source{
		session: "talk", epoch: "e", from: "en", delay: time.Second,
		now:    func() time.Duration { return time.Since(out.start) },
		attach: out.attach, lips: out.lips.Load,
	})
	return out
}

// run has the program be tended, and ends it with the test.
func (c *call) run() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	c.tending.Go(func() { c.tend(ctx) })
	return func() {
		c.end()
		cancel()
		c.feeding.Wait()
	}
}

func (c *call) attach(lang string, sink media.Sink) (func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse {
		return nil, errors.New("the call has no such language now")
	}
	c.attached[lang] = sink
	c.times[lang]++
	ctx, cancel := context.WithCancel(context.Background())
	c.feeding.Go(func() { c.feed(ctx, sink) })
	return func() {
		cancel()
		_ = sink.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.attached[lang] == sink {
			delete(c.attached, lang)
		}
	}, nil
}

// feed writes what is due, from the next keyframe on.
func (c *call) feed(ctx context.Context, sink media.Sink) {
	tracks, packets := tape()
	video, _ := sink.(interface {
		Codecs() (video, audio media.Codec)
	}).Codecs()
	for _, t := range tracks {
		if t.Kind == media.Video && video == "" {
			continue
		}
		if err := sink.(media.TrackAdder).AddTrack(t); err != nil {
			c.t.Error(err)
		}
	}
	now := c.now()
	for _, p := range packets {
		if p.PTS < now || p.Kind == media.Video && video == "" {
			continue
		}
		select {
		case <-time.After(p.PTS - c.now()):
		case <-ctx.Done():
			return
		}
		if sink.Write(p) != nil {
			return
		}
	}
}

// seen returns the languages of which frames are taken.
func (c *call) seen() (out []string) {
	for _, lang := range c.on() {
		c.mu.Lock()
		video, _ := c.attached[lang].(*hls.Sink).Codecs()
		c.mu.Unlock()
		if video != "" {
			out = append(out, lang)
		}
	}
	return out
}

// on returns the languages that are attached.
func (c *call) on() (out []string) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for lang := range c.attached {
		out = append(out, lang)
	}
	slices.Sort(out)
	return out
}

// targets tells of a change of languages.
func (c *call) targets(to ...inference.Lang) {
	c.take(record.Record{Targets: &record.Targets{To: to}})
}

func everyone(string) bool { return true }

// offers reads the multivariant playlist.
func (c *call) offers(only string) hlstest.Multivariant {
	c.t.Helper()
	f, err := c.Multivariant(c.t.Context(), only, everyone)
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := hlstest.ReadMultivariant(f.Data[0])
	if err != nil {
		c.t.Fatalf("%v\n%s", err, f.Data[0])
	}
	return m
}

// list reads a playlist.
func (c *call) list(lang, track string, at *hls.Place) hlstest.Playlist {
	c.t.Helper()
	f, err := c.Playlist(c.t.Context(), lang, track, at)
	if err != nil {
		c.t.Fatal(err)
	}
	p, err := hlstest.Read(f.Data[0])
	if err != nil {
		c.t.Fatalf("%v\n%s", err, f.Data[0])
	}
	return p
}
