package hlspull

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

// listed writes a playlist of segments from a number on; a segment is its tags before "#EXTINF".
func listed(from int, over bool, segments ...string) string {
	out := fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", from)
	for i, tags := range segments {
		out += fmt.Sprintf("%s#EXTINF:2,\n%d.ts\n", tags, from+i)
	}
	if over {
		out += "#EXT-X-ENDLIST\n"
	}
	return out
}

func plain(n int) []string { return make([]string, n) }

// TestWindow: which segment a run of the client is given next.
func TestWindow(t *testing.T) {
	const discontinuity, gap, key = "#EXT-X-DISCONTINUITY\n", "#EXT-X-GAP\n", "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n"
	const header = "#EXT-X-MAP:URI=\"%s\"\n"
	type ask struct {
		list string
		run  int
		want string // the segment, "wait", "anew", "over" or "encrypted"
	}
	for name, asks := range map[string][]ask{
		"from the third before the end on": {
			{listed(10, false, plain(6)...), 1, "13.ts"}, {listed(10, false, plain(6)...), 1, "14.ts"}, {listed(10, false, plain(6)...), 1, "15.ts"},
			{listed(10, false, plain(6)...), 1, "wait"}, {listed(12, false, plain(5)...), 1, "16.ts"}, {listed(12, true, plain(5)...), 1, "over"},
		},
		"what begins":               {{listed(0, false, plain(1)...), 1, "0.ts"}, {listed(0, false, plain(1)...), 1, "wait"}},
		"what has ended":            {{listed(0, true, plain(4)...), 1, "0.ts"}, {listed(0, true, plain(4)...), 1, "1.ts"}},
		"another run goes on":       {{listed(0, false, plain(3)...), 1, "0.ts"}, {listed(0, false, plain(3)...), 2, "1.ts"}},
		"a lost segment":            {{listed(0, false, plain(3)...), 1, "0.ts"}, {listed(5, false, plain(3)...), 1, "anew"}, {listed(5, false, plain(3)...), 2, "5.ts"}},
		"too far behind":            {{listed(0, false, plain(3)...), 1, "0.ts"}, {listed(0, false, plain(20)...), 1, "anew"}, {listed(0, false, plain(20)...), 2, "17.ts"}},
		"numbers begin anew":        {{listed(90, false, plain(3)...), 1, "90.ts"}, {listed(0, false, plain(2)...), 1, "anew"}, {listed(0, false, plain(2)...), 2, "0.ts"}},
		"a discontinuity":           {{listed(0, false, "", discontinuity, ""), 1, "0.ts"}, {listed(0, false, "", discontinuity, ""), 1, "anew"}, {listed(0, false, "", discontinuity, ""), 2, "1.ts"}, {listed(0, false, "", discontinuity, ""), 2, "2.ts"}},
		"at a discontinuity":        {{listed(0, false, discontinuity, ""), 1, "0.ts"}},
		"a gap":                     {{listed(0, false, "", gap, ""), 1, "0.ts"}, {listed(0, false, "", gap, ""), 1, "anew"}, {listed(0, false, "", gap, ""), 2, "2.ts"}},
		"nothing but gaps":          {{listed(0, false, gap, gap), 1, "wait"}, {listed(0, true, gap, gap), 1, "over"}},
		"encrypted":                 {{listed(0, false, key), 1, "encrypted"}},
		"another header":            {{listed(0, false, fmt.Sprintf(header, "a"), ""), 1, "0.ts"}, {listed(0, false, fmt.Sprintf(header, "b"), ""), 1, "anew"}, {listed(0, false, fmt.Sprintf(header, "b"), ""), 2, "1.ts"}},
		"an event from its present": {{listed(0, false, plain(9)...), 1, "6.ts"}},
	} {
		w := &window{}
		for i, a := range asks {
			list, err := mediaOf([]byte(a.list))
			if err != nil {
				t.Fatal(err)
			}
			out, err := w.step(list, a.run)
			got := "wait"
			switch {
			case errors.Is(err, errAnew):
				got = "anew"
			case errors.Is(err, errOver):
				got = "over"
			case errors.Is(err, errEncrypted):
				got = "encrypted"
			case out != nil:
				text, err := out.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				again, err := mediaOf(text)
				if err != nil || len(again.Segments) != 1 || again.MediaSequence != w.next-1 || again.Endlist {
					t.Fatalf("%s: handed out:\n%s\n%v", name, text, err)
				}
				got = again.Segments[0].URI
			}
			if got != a.want {
				t.Errorf("%s, %d: %s, want %s", name, i, got, a.want)
			}
		}
	}
}

// TestPoll: how often a playlist is asked for follows its segments, within bounds.
func TestPoll(t *testing.T) {
	for target, want := range map[time.Duration]time.Duration{0: leastPoll, 2 * time.Second: 500 * time.Millisecond, time.Hour: mostPoll} {
		if got := (&window{target: target}).poll(); got != want {
			t.Errorf("%v: %v", target, got)
		}
	}
}

// FuzzWindow: whatever is listed, segments are handed out once each, in order, until a
// new run begins, and each answer can be read.
func FuzzWindow(f *testing.F) {
	f.Add(listed(0, false, plain(3)...), listed(1, false, plain(3)...), true)
	f.Add(listed(9, false, "", "#EXT-X-GAP\n"), listed(0, true, "#EXT-X-DISCONTINUITY\n"), false)
	f.Add("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:2147483647\n#EXTINF:1,\nx\n", strings.Repeat("#EXTM3U\n", 3), true)
	f.Fuzz(func(t *testing.T, first, second string, again bool) {
		w, run, last := &window{}, 1, -1
		for i, text := range slices.Repeat([]string{first, second}, 8) {
			list, err := mediaOf([]byte(text))
			if err != nil || list == nil {
				return
			}
			if again && i%5 == 4 {
				run++
			}
			var out *playlist.Media
			if out, err = w.step(list, run); errors.Is(err, errAnew) {
				run, last = run+1, -1
				continue
			}
			if out == nil {
				continue
			}
			if out.MediaSequence <= last && w.reading == run && !again {
				t.Fatalf("segment %d after %d", out.MediaSequence, last)
			}
			last = out.MediaSequence
			if p := w.poll(); p < leastPoll || p > mostPoll {
				t.Fatalf("polls each %v", p)
			}
		}
	})
}
