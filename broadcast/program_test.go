package broadcast

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/internal/testkit/hlstest"
	"livedub/media/hls"
)

// TestLazy: nothing is taken of a call that nobody asks for; the first request has all
// languages be attached, and some time after the last one they are let go.
func TestLazy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, Config{Notice: "AI dubbed"})
		defer c.run()()
		c.targets("es", "ca")
		time.Sleep(5 * time.Second)
		if on := c.on(); len(on) > 0 {
			t.Errorf("%v are attached, and nobody asks", on)
		}
		m := c.offers("")
		if on := c.on(); !slices.Equal(on, []string{"ca", "en", "es"}) {
			t.Errorf("attached: %v", on)
		}
		if len(m.Variants) != 3 || m.Variants[0].URI != "es/video.m3u8" || m.Variants[2].URI != "en/video.m3u8" || m.Data["com.livedub.ai-dubbed"] == "" {
			t.Errorf("%+v", m)
		}
		if took := c.now(); took > 10*time.Second {
			t.Errorf("the first answer came after %v", took)
		}
		first := c.list("es", "video", nil)
		at, other := first.Segments[0], c.list("ca", "audio", nil).Segments[0]
		if !at.Date.Equal(c.zero.Add(time.Duration(at.N)*hls.SegmentLength).UTC().Truncate(time.Millisecond)) || other.N != at.N || !other.Date.Equal(at.Date) {
			t.Errorf("%+v and %+v", at, other)
		}
		time.Sleep(DefaultIdle - 2*time.Second)
		if on := c.on(); len(on) != 3 {
			t.Errorf("attached before the time is over: %v", on)
		}
		time.Sleep(3 * time.Second)
		if on := c.on(); len(on) != 0 {
			t.Errorf("attached, and nobody asks: %v", on)
		}
		if on, bytes := c.figures(); on || bytes > 0 {
			t.Errorf("%d bytes are kept", bytes)
		}
	})
}

// TestAlways: it goes on without anybody.
func TestAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, Config{Always: true})
		defer c.run()()
		c.targets("es")
		time.Sleep(20 * time.Second)
		if on := c.on(); len(on) != 2 {
			t.Errorf("attached: %v", on)
		}
		if p := c.list("es", "video", nil); len(p.Segments) != 7 {
			t.Errorf("%d segments", len(p.Segments))
		}
		if on, bytes := c.figures(); !on || bytes == 0 || bytes > 1<<20 {
			t.Errorf("%d bytes are kept", bytes)
		}
	})
}

// TestLanguagesComeAndGo: the list of them follows; one that has gone is read to its end.
func TestLanguagesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, Config{})
		defer c.run()()
		c.targets("es")
		if m := c.offers(""); len(m.Variants) != 2 {
			t.Errorf("%+v", m.Variants)
		}
		before := c.list("es", "video", nil)
		c.targets("ca", "es")
		if m := c.offers("ca"); len(m.Variants) != 1 || m.Variants[0].URI != "../ca/video.m3u8" {
			t.Errorf("%+v", m.Variants)
		}
		if m := c.offers(""); len(m.Variants) != 3 || m.Variants[0].URI != "ca/video.m3u8" {
			t.Errorf("%+v", m.Variants)
		}
		c.targets("ca")
		time.Sleep(time.Second)
		gone := c.list("es", "video", nil)
		if err := hlstest.Follows(before, gone); err != nil && before.Sequence == gone.Sequence || !gone.Ended {
			t.Errorf("ended: %v, %v", gone.Ended, err)
		}
		if m := c.offers(""); len(m.Variants) != 2 {
			t.Errorf("%+v", m.Variants)
		}
		if _, err := c.Multivariant(t.Context(), "es", everyone); !errors.Is(err, ErrNotFound) {
			t.Errorf("a language that has gone: %v", err)
		}
		for _, lang := range []string{"fr", ""} {
			if _, err := c.Playlist(t.Context(), lang, "video", nil); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v", lang, err)
			}
		}
		if _, err := c.Playlist(t.Context(), "ca", "other", nil); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if _, err := c.File(t.Context(), "ca", "video", "video-1.exe"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if _, err := c.Multivariant(t.Context(), "", func(string) bool { return false }); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

// TestOnePicture: where no dub has a mouth of its own, languages are sounds of one picture.
func TestOnePicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, Config{})
		c.lips.Store(false)
		defer c.run()()
		c.targets("es", "ca")
		m := c.offers("")
		if len(m.Variants) != 1 || m.Variants[0].Attributes["AUDIO"] != "sound" || len(m.Media) != 6 {
			t.Errorf("%+v", m)
		}
		if seen := c.seen(); !slices.Equal(seen, []string{"es"}) {
			t.Errorf("frames of %v are taken", seen)
		}
		if one := c.offers("en"); len(one.Variants) != 1 || one.Variants[0].URI != "../en/video.m3u8" || one.Media[0]["URI"] != "../en/audio.m3u8" {
			t.Errorf("%+v", one)
		}
		es, en := c.list("es", "video", nil), c.list("en", "video", nil)
		if es.Sequence != en.Sequence || es.Segments[0].URI != en.Segments[0].URI {
			t.Errorf("%+v and %+v", es, en)
		}
		if f, err := c.File(t.Context(), "en", "video", en.Segments[0].URI); err != nil || f.Size() == 0 {
			t.Error(err)
		}
		c.lips.Store(true) // switched on meanwhile
		time.Sleep(6 * time.Second)
		if m := c.offers(""); len(m.Variants) != 3 || len(c.seen()) != 3 {
			t.Errorf("%+v; frames of %v", m, c.seen())
		}
		if err := hlstest.Follows(en, c.list("en", "video", nil)); err != nil {
			t.Error(err)
		}
		c.lips.Store(false) // and off
		time.Sleep(2 * time.Second)
		if m := c.offers(""); len(m.Variants) != 1 || len(c.seen()) != 1 {
			t.Errorf("%+v; frames of %v", m, c.seen())
		}
	})
}

// TestSinkIsDetached: it is attached again, and the playlists go on as they were, with a gap.
func TestSinkIsDetached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, Config{})
		defer c.run()()
		c.targets("es")
		c.offers("")
		before := c.list("es", "video", nil)
		c.mu.Lock()
		sink := c.attached["es"]
		c.refuse = true
		c.mu.Unlock()
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(7 * time.Second)
		c.mu.Lock()
		c.refuse = false
		c.mu.Unlock()
		time.Sleep(6 * time.Second)
		after := c.list("es", "video", nil)
		if err := hlstest.Follows(before, after); err != nil {
			t.Error(err)
		}
		gaps := slices.ContainsFunc(after.Segments, func(s hlstest.Segment) bool { return s.Gap })
		if last := after.Segments[len(after.Segments)-1]; c.times["es"] != 2 || !gaps || last.Gap {
			t.Errorf("attached %d times; %+v", c.times["es"], after.Segments)
		}
	})
}

// TestNothingComes: who asks is told to come again.
func TestNothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, Config{})
		c.refuse = true
		defer c.run()()
		began := time.Now()
		if _, err := c.Multivariant(t.Context(), "", everyone); !errors.Is(err, ErrStarting) || time.Since(began) != firstWait {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := c.Playlist(t.Context(), "en", "video", nil); !errors.Is(err, ErrStarting) {
			t.Error(err)
		}
	})
}

// TestEnd: the end can be read for a while, and nothing is to be waited for.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, Config{})
		end := c.run()
		c.targets("es")
		c.offers("")
		n, part := c.list("es", "video", nil).Newest()
		go func() {
			time.Sleep(100 * time.Millisecond)
			end()
		}()
		p := c.list("es", "video", &hls.Place{Segment: n, Part: part + 1})
		if !p.Ended {
			t.Error("who waits is not told of the end")
		}
		if m := c.offers(""); len(m.Variants) != 2 {
			t.Errorf("%+v", m)
		}
		if _, err := c.File(t.Context(), "es", "video", p.Segments[0].URI); err != nil {
			t.Error(err)
		}
		quiet := newCall(t, Config{})
		quiet.run()()
		if _, err := quiet.Multivariant(t.Context(), "", everyone); !errors.Is(err, ErrNotFound) {
			t.Errorf("a call that has ended before anybody asked: %v", err)
		}
	})
}

// TestTag: a language that is told by ear is none in particular.
func TestTag(t *testing.T) {
	if tag(string(inference.Auto)) != "und" || tag("es") != "es" || strings.Contains(tag("en"), "und") {
		t.Error("other tags")
	}
}
