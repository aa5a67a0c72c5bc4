package hls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/hlstest"
	"livedub/media/cmaf"
)

var zero = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// edge is a stream whose playlists are judged at each change.
type edge struct {
	t *testing.T
	*Stream
	last map[*Rendition]hlstest.Playlist
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	e := &edge{t, New(zero, func(from, to time.Duration) []byte { return fmt.Appendf(nil, "WEBVTT %v %v", from, to) }), map[*Rendition]hlstest.Playlist{}}
	for _, r := range []*Rendition{e.Video, e.Audio} {
		in := cmaf.Init{Data: []byte(r.name), Codecs: r.name}
		if r == e.Video {
			in.Width, in.Height = 320, 180
		}
		if err := r.start(in); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// part brings a part of the picture or the sound.
func (e *edge) part(r *Rendition, n int64, i int) {
	e.t.Helper()
	if err := r.add(cmaf.Part{N: n, I: i, Data: fmt.Appendf(nil, "%s %d.%d", r.name, n, i), Key: i == 0}); err != nil {
		e.t.Fatal(err)
	}
	e.judge()
}

// segments brings whole segments of both.
func (e *edge) segments(from, to int64) {
	e.t.Helper()
	for n := from; n <= to; n++ {
		for i := range perSegment {
			e.part(e.Video, n, i)
			e.part(e.Audio, n, i)
		}
	}
}

func (e *edge) advance(to time.Duration) {
	e.t.Helper()
	e.Advance(to)
	e.judge()
}

func (e *edge) judge() {
	e.t.Helper()
	for _, r := range []*Rendition{e.Video, e.Audio, e.Captions} {
		text := r.now.Load().playlist
		if text == nil {
			continue
		}
		now, err := hlstest.Read(text)
		if err == nil {
			if before, ok := e.last[r]; ok {
				err = hlstest.Follows(before, now)
			}
		}
		if err != nil {
			e.t.Errorf("%s: %v\n%s", r.name, err, text)
		}
		e.last[r] = now
	}
}

// TestWindow: a playlist has the last segments and their dates, and no more is kept than
// a little more; what is listed is there.
func TestWindow(t *testing.T) {
	e := newEdge(t)
	e.part(e.Video, 41, 3) // not the beginning of a segment
	if e.Video.Ready() {
		t.Error("it begins in the middle of a segment")
	}
	e.segments(42, 70)
	e.part(e.Video, 71, 0)
	p := e.last[e.Video]
	if len(p.Segments) != listed || p.Sequence != 64 || len(p.Open) != 1 || p.Hint != "video-71.1.m4s" {
		t.Errorf("%d segments from %d, %d parts, then %s", len(p.Segments), p.Sequence, len(p.Open), p.Hint)
	}
	if at := p.Segments[0].Date; !at.Equal(zero.Add(128 * time.Second)) {
		t.Errorf("segment 64 has the date %v", at)
	}
	for _, r := range []*Rendition{e.Video, e.Audio, e.Captions} {
		for _, s := range e.last[r].Segments {
			for _, name := range append([]string{s.URI}, mapOf(s)...) {
				if f, err := r.File(t.Context(), name); err != nil || f.Size() == 0 || !f.Keep {
					t.Errorf("%s: %v", name, err)
				}
			}
			for _, q := range s.Parts {
				if _, err := r.File(t.Context(), q.URI); err != nil {
					t.Errorf("%s: %v", q.URI, err)
				}
			}
		}
		if n := len(r.segments); n > listed+kept+1 {
			t.Errorf("%s: %d segments are kept", r.name, n)
		}
	}
	f, err := e.Video.File(t.Context(), "video-70.m4s")
	if text := string(bytes.Join(f.Data, nil)); err != nil || text != "video 70.0video 70.1video 70.2video 70.3video 70.4" {
		t.Errorf("%v %q", err, text)
	}
	f, err = e.Captions.File(t.Context(), "captions-70.vtt")
	if text := string(bytes.Join(f.Data, nil)); err != nil || text != "WEBVTT 2m20s 2m22s" {
		t.Errorf("%v %q", err, text)
	}
	if s := string(e.Video.now.Load().playlist); !strings.Contains(s, `#EXT-X-RENDITION-REPORT:URI="audio.m3u8",LAST-MSN=70,LAST-PART=4`) {
		t.Errorf("no report on the sound:\n%s", s)
	}
	if a, v, c := e.last[e.Audio].Sequence, p.Sequence, e.last[e.Captions].Sequence; a != v || c != v {
		t.Errorf("sequences %d, %d and %d", v, a, c)
	}
}

func mapOf(s hlstest.Segment) []string {
	if s.Map == "" {
		return nil
	}
	return []string{s.Map}
}

// TestGaps: what does not come is told to be missing, whether parts, segments or minutes
// of it; and what comes too late then is left out.
func TestGaps(t *testing.T) {
	e := newEdge(t)
	e.segments(3, 5)
	for _, i := range []int{0, 1} {
		e.part(e.Video, 6, i)
	}
	e.advance(6*SegmentLength + 3*PartLength)
	if p := e.last[e.Video]; len(p.Open) != 3 || p.Open[1].Gap || !p.Open[2].Gap {
		t.Errorf("%+v", p.Open)
	}
	e.part(e.Video, 6, 2) // too late
	e.part(e.Video, 6, 4)
	if f, err := e.Video.File(t.Context(), "video-6.m4s"); err != nil || string(bytes.Join(f.Data, nil)) != "video 6.0video 6.1video 6.4" {
		t.Errorf("%v %q", err, f.Data)
	}
	e.advance(9 * SegmentLength)
	p := e.last[e.Video]
	if n := len(p.Segments); p.Segments[n-1].N != 8 || !p.Segments[n-1].Gap || !p.Segments[n-2].Gap || p.Segments[n-3].Gap {
		t.Errorf("%+v", p.Segments)
	}
	if _, err := e.Video.File(t.Context(), "video-8.m4s"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a missing segment: %v", err)
	}
	e.segments(9, 9)
	e.segments(500, 500) // another node has gone on
	if p := e.last[e.Video]; len(p.Segments) != listed || !p.Segments[0].Gap || p.Segments[listed-1].Gap || p.Segments[listed-1].N != 500 {
		t.Errorf("%+v", p.Segments)
	}
	if c := e.last[e.Captions].Segments; c[len(c)-1].N != 500 {
		t.Errorf("captions %+v", c)
	}
}

// TestInitsChange: where the sound's parameters change, its segments have another
// initialization section from there on.
func TestInitsChange(t *testing.T) {
	e := newEdge(t)
	e.segments(1, 2)
	if err := e.Audio.start(cmaf.Init{Data: []byte("two channels")}); err != nil {
		t.Fatal(err)
	}
	e.segments(3, 4)
	s := e.last[e.Audio].Segments
	if s[1].Map == s[2].Map || s[2].Map != s[3].Map {
		t.Errorf("%+v", s)
	}
	for _, x := range s {
		if _, err := e.Audio.File(t.Context(), x.Map); err != nil {
			t.Errorf("%s: %v", x.Map, err)
		}
	}
}

// TestWaits: readers wait for the place that they name, for the part that is hinted at, and
// for the first segment; the end ends all waits.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t)
		var wg sync.WaitGroup
		got := map[string]string{}
		var mu sync.Mutex
		wait := func(name string, read func(context.Context) (File, error)) {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				f, err := read(ctx)
				mu.Lock()
				defer mu.Unlock()
				got[name] = fmt.Sprint(len(f.Data) > 0, err)
			})
		}
		list := func(at *Place) func(context.Context) (File, error) {
			return func(ctx context.Context) (File, error) { return e.Video.Playlist(ctx, at) }
		}
		has := func(name, want string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if got[name] != want {
				t.Errorf("%s: %q, want %q", name, got[name], want)
			}
		}
		wait("first", list(nil))
		has("first", "")
		e.segments(7, 7)
		has("first", "true <nil>")
		wait("part", list(&Place{8, 0}))
		wait("segment", list(&Place{8, -1}))
		wait("behind the segment", list(&Place{8, 5}))
		wait("hinted", func(ctx context.Context) (File, error) { return e.Video.File(ctx, "video-8.0.m4s") })
		has("part", "")
		has("hinted", "")
		e.part(e.Video, 8, 0)
		has("part", "true <nil>")
		has("hinted", "true <nil>")
		has("segment", "")
		e.segments(8, 8)
		has("segment", "true <nil>")
		has("behind the segment", "") // as for the first part of the next one
		e.part(e.Video, 9, 0)
		has("behind the segment", "true <nil>")
		for _, at := range []Place{{11, 0}, {9999, -1}, {9, perSegment + 1}} {
			if _, err := e.Video.Playlist(t.Context(), &at); !errors.Is(err, ErrAhead) {
				t.Errorf("%v: %v", at, err)
			}
		}
		wait("late", list(&Place{9, 4}))
		wait("never", func(ctx context.Context) (File, error) { return e.Video.File(ctx, "video-9.1.m4s") })
		has("late", "")
		e.End()
		has("late", "true <nil>")
		has("never", "false "+ErrNotFound.Error())
		wg.Wait()
		e.judge()
		if p := e.last[e.Video]; !p.Ended || len(p.Segments) != 3 || p.Segments[2].Duration != PartLength {
			t.Errorf("%+v", p)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := newEdge(t).Audio.Playlist(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing comes: %v", err)
		}
	})
}

// FuzzNames: no name has a file that is not its own.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"video-7.m4s", "video-7.3.m4s", "video--7.m4s", "video-07.m4s", "video-7.m4s/..", "../video-7.m4s", "video-99999999999999999999.m4s", "video-7..m4s", "video-7.+1.m4s"} {
		f.Add(s)
	}
	r := newRendition("video", "m4s", videoType, perSegment, zero)
	f.Fuzz(func(t *testing.T, name string) {
		if p, ok := r.parse(name); ok && r.segmentName(p) != name {
			t.Errorf("%q is taken for %q", name, r.segmentName(p))
		}
		if _, err := r.File(t.Context(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	})
}
