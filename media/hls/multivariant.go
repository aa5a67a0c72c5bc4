package hls

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// Language is a stream as a multivariant playlist names it.
type Language struct {
	Lang     string // RFC 5646
	Name     string // for people
	Original bool   // no machine made its sound
	Path     string // of its folder, as "es/"; "" for that of the playlist
	*Stream
}

// Layout is what a multivariant playlist offers.
type Layout struct {
	Languages []Language // the first is what a player begins with
	Captions  []Language
	// Shared says that all have one picture, that of the first: the languages differ in
	// sound alone.
	Shared bool
	Notice string // what viewers of dubbed sound have to be told
}

// facts are what a playlist says of a stream.
type facts struct {
	codecs        []string
	width, height int
	rate          float64
	peak, average int // bit/s
}

func (s *Stream) facts() (f facts) {
	for _, r := range []*Rendition{s.Video, s.Audio} {
		r.mu.Lock()
		if r.init != nil && r.now.Load().playlist != nil {
			f.codecs = append(f.codecs, r.init.Codecs)
			f.rate = max(f.rate, r.rate)
			f.width, f.height = max(f.width, r.init.Width), max(f.height, r.init.Height)
			f.peak += int(float64(8*r.peak) / SegmentLength.Seconds())
			f.average += int(float64(8*r.bytes) / SegmentLength.Seconds() / float64(max(1, r.count)))
		}
		r.mu.Unlock()
	}
	return f
}

const groupCaptions = "captions"

// Multivariant returns the playlist of playlists. Languages with pictures of their own are
// variants, each with a group of its own sound; languages that share a picture are one
// variant with a group of all sounds.
//
// A player takes variants for grades of one content and changes between them as its
// bandwidth does. So that none has a reason to, all state the same bandwidth. hls.js goes
// by the average where that is so, and takes the highest: the first has it. It also takes
// variants of which all attributes are equal for copies of one, and offers one of them:
// the frame rates, though equal, are written with more zeros each.
func Multivariant(l Layout) []byte {
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	if l.Notice != "" {
		fmt.Fprintf(&b, "#EXT-X-SESSION-DATA:DATA-ID=\"com.livedub.ai-dubbed\",VALUE=%s,LANGUAGE=\"en\"\n", quoted(l.Notice))
	}
	variants := l.Languages
	if l.Shared && len(variants) > 0 {
		variants = variants[:1]
	}
	for i, lang := range l.Languages {
		if !lang.Audio.Ready() {
			continue
		}
		group, first := groupOf(l, lang), !l.Shared || i == 0
		fmt.Fprintf(&b, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=%s,LANGUAGE=%s,NAME=%s,DEFAULT=%s,AUTOSELECT=YES", quoted(group), quoted(lang.Lang), quoted(lang.Name), yes(first))
		made(&b, !lang.Original)
		fmt.Fprintf(&b, ",CHANNELS=\"%d\",URI=%s\n", lang.channels(), quoted(lang.Path+"audio.m3u8"))
	}
	captions := false
	for _, lang := range l.Captions {
		if !lang.Captions.Ready() {
			continue
		}
		captions = true
		fmt.Fprintf(&b, "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"%s\",LANGUAGE=%s,NAME=%s,DEFAULT=NO,AUTOSELECT=YES,FORCED=NO", groupCaptions, quoted(lang.Lang), quoted(lang.Name))
		made(&b, true)
		fmt.Fprintf(&b, ",URI=%s\n", quoted(lang.Path+"captions.m3u8"))
	}
	most, average := 0, 0
	for _, lang := range variants {
		f := lang.facts()
		most, average = max(most, f.peak), max(average, f.average)
	}
	const grain = 100_000
	most = (most*5/4/grain + 1) * grain // a segment may become larger than those there were
	for i, lang := range variants {
		f := lang.facts()
		if len(f.codecs) == 0 {
			continue
		}
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS=%s", most, max(1, average-i), quoted(strings.Join(f.codecs, ",")))
		if f.width > 0 {
			fmt.Fprintf(&b, ",RESOLUTION=%dx%d", f.width, f.height)
			if f.rate > 0 {
				fmt.Fprintf(&b, ",FRAME-RATE=%.*f", 3+i, math.Round(f.rate))
			}
		}
		media := "video"
		if lang.Audio.Ready() && lang.Video.Ready() {
			fmt.Fprintf(&b, ",AUDIO=%s", quoted(groupOf(l, lang)))
		} else if !lang.Video.Ready() {
			media = "audio"
		}
		if captions {
			fmt.Fprintf(&b, ",SUBTITLES=\"%s\"", groupCaptions)
		}
		fmt.Fprintf(&b, ",CLOSED-CAPTIONS=NONE\n%s%s.m3u8\n", lang.Path, media)
	}
	return b.Bytes()
}

func groupOf(l Layout, lang Language) string {
	if l.Shared {
		return "sound"
	}
	return "sound-" + lang.Lang
}

func (s *Stream) channels() int {
	s.Audio.mu.Lock()
	defer s.Audio.mu.Unlock()
	if s.Audio.init == nil || len(s.Audio.init.Tracks) == 0 {
		return 1
	}
	return max(1, s.Audio.init.Tracks[0].Channels)
}

// made marks what a machine has made.
func made(b *bytes.Buffer, is bool) {
	if is {
		b.WriteString(",CHARACTERISTICS=\"public.machine-generated\"")
	}
}

func yes(is bool) string {
	if is {
		return "YES"
	}
	return "NO"
}

// quoted returns s as an attribute's value, which can have no quotes and lines.
func quoted(s string) string {
	return `"` + strings.Map(func(r rune) rune {
		if r == '"' || r < ' ' {
			return -1
		}
		return r
	}, s) + `"`
}
