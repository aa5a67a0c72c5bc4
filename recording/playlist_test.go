package recording

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"livedub/store"
)

func TestListed(t *testing.T) {
	parts := func(name string, s ...Segment) Take { return Take{Name: name, Segments: s} }
	gone := whole("a", 1, 2)
	gone.Merged = true
	for name, c := range map[string]struct {
		takes []Take
		want  string
	}{
		"nothing":                   {nil, ""},
		"one":                       {[]Take{whole("a", 1, 2)}, "a1 a2"},
		"the later wins":            {[]Take{whole("a", 1, 2, 3), whole("b", 3, 4)}, "a1 a2 b3 b4"},
		"the whole one wins":        {[]Take{whole("a", 1, 2), parts("b", part(9*s, 3*s)), whole("c", 3)}, "a1 a2 c3"},
		"two parts, one by another": {[]Take{parts("a", part(8*s, 1500*ms)), parts("b", part(10*s, 2*s))}, "a2 b2"},
		"two parts that overlap":    {[]Take{parts("a", part(8*s, 3*s)), parts("b", part(9*s, 3*s))}, "b2"},
		"nothing in it":             {[]Take{parts("a", part(8*s, 0))}, ""},
		"gone":                      {[]Take{gone, whole("b", 3)}, "b3"},
	} {
		var got []string
		for _, p := range listed(c.takes) {
			got = append(got, fmt.Sprintf("%s%d", p.Take.Name, p.Segment.N))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestPlaylist: two nodes' takes in one list; another language fills a hole, which
// this one's times tell of.
func TestPlaylist(t *testing.T) {
	s := newShelf(t)
	s.take(s.local, "es", whole("a", 1, 2, 3))
	s.take(s.remote, "es", whole("b", 3, 6))
	s.take(s.local, "ca", whole("a", 1, 2, 3, 4))
	got, err := s.Playlist(t.Context(), epoch, "es")
	if err != nil {
		t.Fatal(err)
	}
	want := `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="a/init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-27T18:00:00.000Z
#EXTINF:4.000,
a/00000001.m4s
#EXTINF:4.000,
a/00000002.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="b/init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-27T18:00:08.000Z
#EXTINF:4.000,
b/00000003.m4s
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-11-27T18:00:16.000Z
#EXTINF:4.000,
b/00000006.m4s
`
	if string(got) != want {
		t.Errorf("got:\n%s", got)
	}
	s.end()
	got, err = s.Playlist(t.Context(), epoch, "es")
	if want := strings.Replace(want, "EVENT", "VOD", 1) + "#EXT-X-ENDLIST\n"; string(got) != want || err != nil {
		t.Errorf("ended: %v\n%s", err, got)
	}
	merged := whole("a", 1, 2, 3)
	merged.Merged = true
	s.take(s.local, "ca", merged)
	for _, lang := range []string{"fr", "..", "", "es/../ca", "ca"} {
		if _, err := s.Playlist(t.Context(), epoch, lang); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", lang, err)
		}
	}
}

// TestPlaylistGrows: a segment that has just been made is in it a second later.
func TestPlaylistGrows(t *testing.T) {
	s := newShelf(t)
	if got, err := s.Playlist(t.Context(), epoch, "es"); err != nil || strings.Contains(string(got), "EXTINF") {
		t.Errorf("before the first segment: %v\n%s", err, got)
	}
	s.take(s.local, "es", whole("a", 1))
	if got, err := s.Playlist(t.Context(), epoch, "es"); err != nil || strings.Count(string(got), "EXTINF") != 1 {
		t.Errorf("%v\n%s", err, got)
	}
	s.take(s.local, "es", whole("a", 1, 2))
	s.take(s.remote, "es", whole("a", 1))
	if got, err := s.Playlist(t.Context(), epoch, "es"); err != nil || strings.Count(string(got), "EXTINF") != 2 {
		t.Errorf("the one on this machine is longer: %v\n%s", err, got)
	}
	h, err := s.look(t.Context(), epoch)
	if err != nil {
		t.Fatal(err)
	}
	s.rows[epoch].Recordings[0].Why = "news"
	if again, _ := s.look(t.Context(), epoch); again.at != h.at {
		t.Error("it is read again at once")
	}
	h.at = h.at.Add(-freshFor)
	s.held[epoch] = h
	if again, _ := s.look(t.Context(), epoch); again.row.Why != "news" {
		t.Error("it is not read again after a second")
	}
}

// TestWithoutTheJournal: a recording can be seen by its files while the database is away.
func TestWithoutTheJournal(t *testing.T) {
	s := newShelf(t)
	s.take(s.local, "es", whole("a", 1))
	s.put(s.local, manifest, []byte(`{"id":"`+epoch+`","from":"en","delay_ms":4000,"created":"2026-11-27T18:00:00Z","state":"whole","languages":["es"]}`))
	s.fails = store.ErrUnavailable
	if got, err := s.Playlist(t.Context(), epoch, "es"); err != nil || !strings.Contains(string(got), "ENDLIST") {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := s.Playlist(t.Context(), "another", "es"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("one that has no file: %v", err)
	}
	s.broken["list"] = store.ErrUnavailable
	s.forget(epoch)
	if _, err := s.Playlist(t.Context(), epoch, "es"); err != nil {
		t.Errorf("with no objects either: %v", err)
	}
}

// TestDamagedTakes: what cannot be read is left out, the rest is shown.
func TestDamagedTakes(t *testing.T) {
	s := newShelf(t)
	s.take(s.local, "es", whole("a", 1))
	for name, text := range map[string]string{
		"b": `{`, "c": `{"name":"a"}`, "d": `{"name":"d","segments":[{"n":-4}]}`, "e": `{"name":"e","segments":[{"n":9223372036854775807}]}`,
		"f": `{"name":"f","segments":[{"n":3,"whole":true},{"n":3,"whole":true}]}`, "g": `[]`,
	} {
		s.put(s.local, "es/"+name+".json", []byte(text))
	}
	s.put(s.local, "es/"+transcriptName, []byte(`{"phrases":[]}`))
	if got, err := s.Playlist(t.Context(), epoch, "es"); err != nil || strings.Count(string(got), "EXTINF") != 1 {
		t.Errorf("%v\n%s", err, got)
	}
}

func FuzzTake(f *testing.F) {
	f.Add(`{"name":"a","segments":[{"n":1,"at":4000000000,"duration":4000000000,"whole":true}]}`)
	f.Add(`{"name":"a","segments":[{"n":2147483647,"at":9223372036854775807,"duration":9223372036854775807}]}`)
	f.Add(`{"name":"a","segments":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		take, err := readTake("a", []byte(text))
		if err != nil {
			return
		}
		clock := NewClock(4*time.Second, []Take{take})
		last := time.Duration(-1)
		for _, p := range Line([]Take{take}) {
			at, ok := clock.FromOutput(p.From)
			if !ok || at < last || at > clock.Duration() {
				t.Fatalf("segment %d begins at %s of %s, after %s", p.Segment.N, at, clock.Duration(), last)
			}
			last = at
		}
		if clock.Duration() < 0 || clock.Duration() > time.Duration(len(take.Segments))*(SegmentLength+touch) {
			t.Fatalf("%d segments are %s long", len(take.Segments), clock.Duration())
		}
	})
}
