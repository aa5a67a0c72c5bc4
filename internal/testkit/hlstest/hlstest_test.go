package hlstest

import (
	"strings"
	"testing"
	"time"
)

const good = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.200
#EXT-X-PART-INF:PART-TARGET=0.400
#EXT-X-MEDIA-SEQUENCE:9
#EXT-X-MAP:URI="video-1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-28T01:52:18.653Z
#EXTINF:2.000,
video-9.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-28T01:52:20.653Z
#EXT-X-PART:DURATION=0.400,URI="video-10.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.400,URI="video-10.1.m4s"
#EXT-X-PART:DURATION=0.400,URI="video-10.2.m4s"
#EXT-X-PART:DURATION=0.400,URI="video-10.3.m4s"
#EXT-X-PART:DURATION=0.400,URI="video-10.4.m4s",GAP=YES
#EXTINF:2.000,
video-10.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-28T01:52:22.653Z
#EXT-X-PART:DURATION=0.400,URI="video-11.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="video-11.1.m4s"
`

// TestRead: a good playlist is read, and what breaks one rule is refused.
func TestRead(t *testing.T) {
	p, err := Read([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	n, part := p.Newest()
	if n != 11 || part != 1 || p.Edge() != 4400*time.Millisecond || len(p.Segments) != 2 || p.Segments[1].N != 10 || !p.Segments[1].Parts[4].Gap || p.Segments[1].Map != "video-1.mp4" || p.Hint != "video-11.1.m4s" {
		t.Errorf("%+v", p)
	}
	for _, c := range [][2]string{
		{"#EXTM3U\n", ""}, {"TARGETDURATION:2", "TARGETDURATION:1"}, {"VERSION:9", "VERSION:7"}, {"#EXT-X-TARGETDURATION:2\n", ""},
		{"HOLD-BACK=1.200", "HOLD-BACK=0.800"}, {"CAN-BLOCK-RELOAD=YES,", ""}, {"#EXT-X-PART-INF:PART-TARGET=0.400\n", ""}, {"PART-TARGET=0.400", "PART-TARGET=0.300"}, {"PART-TARGET=0.400", "PART-TARGET=0.500"},
		{`#EXT-X-PART:DURATION=0.400,URI="video-10.3.m4s"` + "\n", ""}, {"01:52:20.653Z", "01:52:20.753Z"}, {"#EXTINF:2.000,\nvideo-10", "video-10"},
		{"#EXTINF:2.000,\nvideo-9", "#EXTINF:2.000\nvideo-9"}, {`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="video-11.1.m4s"` + "\n", ""}, {"TYPE=PART,", "TYPE=MAP,"},
		{`MAP:URI="video-1.mp4"`, "MAP:"}, {"#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-MADE-UP"}, {"#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-VERSION:9"},
		{"#EXT-X-MEDIA-SEQUENCE:9\n", "#EXT-X-MEDIA-SEQUENCE:9\n#EXT-X-ENDLIST\n"}, {`URI="video-11.0.m4s",`, ""}, {"video-11.1.m4s\"\n", "video-11.1.m4s\""},
	} {
		if text := strings.Replace(good, c[0], c[1], 1); text == good {
			t.Errorf("%q is not there", c[0])
		} else if _, err := Read([]byte(text)); err == nil {
			t.Errorf("%q for %q is taken", c[1], c[0])
		}
	}
}

// TestFollows: a playlist that goes on is taken, and one that takes something back is not.
func TestFollows(t *testing.T) {
	read := func(text string) Playlist {
		t.Helper()
		p, err := Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	next := strings.Replace(good, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="video-11.1.m4s"`, `#EXT-X-PART:DURATION=0.400,URI="video-11.1.m4s"`+"\n"+`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="video-11.2.m4s"`, 1)
	if err := Follows(read(good), read(next)); err != nil {
		t.Error(err)
	}
	if err := Follows(read(next), read(good)); err == nil {
		t.Error("a part is taken back")
	}
	for _, c := range [][2]string{
		{"SEQUENCE:9", "SEQUENCE:8"}, {"video-9.m4s", "video-other.m4s"}, {"TARGETDURATION:2", "TARGETDURATION:3"}, {"#EXT-X-MAP:URI=\"video-1.mp4\"", "#EXT-X-MAP:URI=\"video-2.mp4\""},
		{"#EXT-X-PROGRAM-DATE-TIME:2026-11-28T01:52:18.653Z\n", ""}, {"#EXTINF:2.000,\nvideo-9", "#EXT-X-GAP\n#EXTINF:2.000,\nvideo-9"},
	} {
		if text := strings.Replace(next, c[0], c[1], 1); text == next {
			t.Errorf("%q is not there", c[0])
		} else if err := Follows(read(good), read(text)); err == nil {
			t.Errorf("%q for %q is taken", c[1], c[0])
		}
	}
	if err := Follows(read(good+"#EXT-X-ENDLIST\n"), read(next)); err == nil {
		t.Error("it goes on behind its end")
	}
}

// TestReadMultivariant likewise.
func TestReadMultivariant(t *testing.T) {
	const list = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"s\",LANGUAGE=\"es\",NAME=\"es, dubbed\",URI=\"es/audio.m3u8\"\n#EXT-X-SESSION-DATA:DATA-ID=\"d\",VALUE=\"v\"\n#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS=\"avc1\",AUDIO=\"s\"\nes/video.m3u8\n"
	m, err := ReadMultivariant([]byte(list))
	if err != nil || len(m.Variants) != 1 || m.Variants[0].URI != "es/video.m3u8" || m.Media[0]["NAME"] != "es, dubbed" || m.Data["d"] != "v" {
		t.Errorf("%v %+v", err, m)
	}
	for _, c := range [][2]string{{"#EXTM3U\n", ""}, {`AUDIO="s"`, `AUDIO="x"`}, {"BANDWIDTH=1000", "BANDWIDTH=0"}, {`LANGUAGE="es",`, ""}, {"es/video.m3u8\n", ""}, {`,CODECS="avc1"`, ""}} {
		if _, err := ReadMultivariant([]byte(strings.Replace(list, c[0], c[1], 1))); err == nil {
			t.Errorf("%q for %q is taken", c[1], c[0])
		}
	}
	if _, err := ReadMultivariant([]byte(strings.Replace(list, "#EXT-X-SESSION", `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",LANGUAGE="ca",NAME="es, dubbed",URI="b"`+"\n#EXT-X-SESSION", 1))); err == nil {
		t.Error("a name twice")
	}
}
