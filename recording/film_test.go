package recording

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/file"
	"livedub/session/record"
	"livedub/store"
)

// loop is 8 s of frames and sound that go on and on, as a program has them: a keyframe
// every 2 s, and frames of AAC on their grid.
type loop struct {
	tracks  []media.Track
	packets []media.Packet // of the first 8 s

	mu    sync.Mutex
	ended map[media.Sink]time.Duration // up to when it was played
}

const loopLength = 8 * time.Second

// command runs a program and returns what it says.
func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: run `make deps`", err)
	}
	var out, errs strings.Builder
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// drawLoop makes the loop's file, of frames of that size.
func drawLoop(t testing.TB, path, size string) {
	command(t, "ffmpeg", "-y", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size="+size+":rate=25:duration=8",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=9", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0",
		"-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", path)
}

// newLoop returns the loop; path is where its file is made, or is.
func newLoop(t testing.TB, path string) *loop {
	t.Helper()
	src, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	l := &loop{tracks: src.Tracks(), ended: map[media.Sink]time.Duration{}}
	for {
		p, err := src.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.PTS >= 0 && p.PTS < loopLength-time.Millisecond {
			p.SkipStart, p.SkipEnd = 0, 0
			l.packets = append(l.packets, p)
		}
	}
	slices.SortStableFunc(l.packets, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
	return l
}

// drawn returns a loop of a file that is made.
func drawn(t testing.TB) *loop { return drawnIn(t, "160x120") }

func drawnIn(t testing.TB, size string) *loop {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loop.mp4")
	drawLoop(t, path, size)
	return newLoop(t, path)
}

// play writes what is presented from one output time to another, a frame first. tell, if
// set, is called before each packet.
func (l *loop) play(sink media.Sink, from, to time.Duration, tell func(time.Duration)) error {
	l.mu.Lock()
	seen := l.ended[sink] == from && from > 0
	l.ended[sink] = to
	l.mu.Unlock()
	for at := from.Truncate(loopLength); at < to; at += loopLength {
		for _, p := range l.packets {
			p.PTS, p.DTS = p.PTS+at, p.DTS+at
			if p.PTS < from || p.PTS >= to {
				continue
			}
			if p.Kind == media.Video {
				if seen = seen || p.Key; !seen {
					continue
				}
			}
			if tell != nil {
				tell(p.PTS)
			}
			if err := sink.Write(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// stage stands for a call: it has the sinks of its dubs.
type stage struct {
	mu    sync.Mutex
	sinks map[string]media.Sink
	left  []string // languages whose sinks were detached
}

func (s *stage) attach(tracks []media.Track) func(string, media.Sink) (func(), error) {
	return func(lang string, sink media.Sink) (func(), error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.sinks == nil {
			s.sinks = map[string]media.Sink{}
		}
		s.sinks[lang] = sink
		return func() {
			s.mu.Lock()
			s.left = append(s.left, lang)
			s.mu.Unlock()
			_ = sink.Close()
		}, sink.Start(tracks)
	}
}

// sink waits for the sink of a language.
func (s *stage) sink(t testing.TB, lang string) media.Sink {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		sink := s.sinks[lang]
		s.mu.Unlock()
		if sink != nil {
			return sink
		}
	}
	t.Fatalf("nobody records %s", lang)
	return nil
}

// probed is what ffprobe tells of a film.
type probed struct {
	Streams []struct {
		CodecType string `json:"codec_type"`
		StartTime string `json:"start_time"`
		Duration  string
		Packets   string `json:"nb_read_packets"`
	}
	Format struct {
		StartTime string `json:"start_time"`
		Duration  string
		Tags      map[string]string
	}
}

// probe reads a film with ffprobe, after ffmpeg has decoded all of it without an error.
func probe(t testing.TB, path string) (p probed) {
	t.Helper()
	if said := command(t, "ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"); said != "" {
		t.Errorf("%s: %s", path, said)
	}
	told := command(t, "ffprobe", "-v", "error", "-count_packets", "-show_streams", "-show_format", "-of", "json", path)
	if err := json.Unmarshal([]byte(told), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// said are phrases of a call with one dub, in es.
func said(at ...time.Duration) (p *record.Phrases) {
	p = &record.Phrases{}
	for i, at := range at {
		phrase := inference.Phrase{ID: i + 1, Lang: "en", Text: "hello", Start: at, End: at + time.Second, Final: true}
		p.Add(record.Said("en", phrase))
		placed := record.Of("es", phrase)
		x := spec0(at)
		placed.Placed = &x
		p.Add(placed)
	}
	return p
}

// diary is a journal in memory.
type diary struct {
	store.Journal
	mu      sync.Mutex
	rows    []store.Recording // as they were written
	phrases []store.Phrase
	erased  bool
	fails   error
}

func (d *diary) Write(_ context.Context, b store.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.fails != nil:
		return d.fails
	case d.erased:
		return store.ErrErased
	}
	d.rows = append(d.rows, b.Recordings...)
	return nil
}

func (d *diary) Session(context.Context, string) (store.Batch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.fails != nil:
		return store.Batch{}, d.fails
	case d.erased:
		return store.Batch{}, store.ErrErased
	}
	return store.Batch{Phrases: d.phrases}, nil
}

// all returns the rows so far.
func (d *diary) all() []store.Recording {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.rows)
}

// last returns the last row.
func (d *diary) last() store.Recording {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.rows) == 0 {
		return store.Recording{}
	}
	return d.rows[len(d.rows)-1]
}
