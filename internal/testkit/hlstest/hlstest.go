// Package hlstest judges playlists of live HLS by RFC 8216bis, more strictly than players
// do: one by one, and each against what its server said before.
package hlstest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Playlist is a media playlist.
type Playlist struct {
	Target   time.Duration
	Part     time.Duration // the part target; 0: it has no parts
	Sequence int64         // of the first segment
	Segments []Segment
	Open     []Part // of the segment that has not ended
	Hint     string
	Blocks   bool
	Ended    bool
}

// Segment is a segment of a playlist.
type Segment struct {
	N        int64
	URI, Map string
	Duration time.Duration
	Date     time.Time // zero for none
	Gap      bool
	Discon   bool // a discontinuity stands before it
	Parts    []Part
}

// Part is a part of a segment.
type Part struct {
	URI         string
	Duration    time.Duration
	Independent bool
	Gap         bool
}

// Newest returns the segment and the part that would come next.
func (p Playlist) Newest() (n int64, part int) {
	return p.Sequence + int64(len(p.Segments)), len(p.Open)
}

// Edge returns how much the playlist has behind its first segment's beginning.
func (p Playlist) Edge() time.Duration {
	var d time.Duration
	for _, s := range p.Segments {
		d += s.Duration
	}
	for _, q := range p.Open {
		d += q.Duration
	}
	return d
}

// Read reads a media playlist and refuses what breaks a rule.
func Read(text []byte) (Playlist, error) {
	r := reader{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for i := 0; lines.Scan(); i++ {
		line := lines.Text()
		if i == 0 != (line == "#EXTM3U") {
			return r.out, errors.New("the first line, and no other, is #EXTM3U")
		}
		if r.out.Ended {
			return r.out, fmt.Errorf("%q behind the end", line)
		}
		if err := r.line(line); err != nil {
			return r.out, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	return r.out, r.finish(text)
}

// reader is a playlist that is being read.
type reader struct {
	out     Playlist
	version int
	next    Segment
	begun   bool // EXTINF stands for the next segment
	mapped  string
	hold    time.Duration
	seen    map[string]bool
}

func (r *reader) line(line string) error {
	name, value, _ := strings.Cut(line, ":")
	attrs := attributes(value)
	var err error
	once := map[string]bool{"#EXT-X-VERSION": true, "#EXT-X-TARGETDURATION": true, "#EXT-X-MEDIA-SEQUENCE": true, "#EXT-X-PART-INF": true, "#EXT-X-SERVER-CONTROL": true, "#EXT-X-PRELOAD-HINT": true}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	if once[name] && r.seen[name] {
		return errors.New("it is there twice")
	}
	r.seen[name] = true
	switch name {
	case "#EXTM3U", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-RENDITION-REPORT", "":
	case "#EXT-X-VERSION":
		r.version, err = strconv.Atoi(value)
	case "#EXT-X-TARGETDURATION":
		var n int
		n, err = strconv.Atoi(value)
		r.out.Target = time.Duration(n) * time.Second
	case "#EXT-X-MEDIA-SEQUENCE":
		if len(r.out.Segments) > 0 {
			return errors.New("it stands behind a segment")
		}
		r.out.Sequence, err = strconv.ParseInt(value, 10, 64)
	case "#EXT-X-SERVER-CONTROL":
		r.out.Blocks = attrs["CAN-BLOCK-RELOAD"] == "YES"
		r.hold = seconds(attrs["PART-HOLD-BACK"])
	case "#EXT-X-PART-INF":
		r.out.Part = seconds(attrs["PART-TARGET"])
	case "#EXT-X-MAP":
		if r.mapped = attrs["URI"]; r.mapped == "" {
			return errors.New("it has no address")
		}
	case "#EXT-X-GAP":
		r.next.Gap = true
	case "#EXT-X-DISCONTINUITY":
		r.next.Discon = true
	case "#EXT-X-PROGRAM-DATE-TIME":
		r.next.Date, err = time.Parse("2006-01-02T15:04:05.999Z07:00", value)
	case "#EXT-X-PART":
		return r.part(attrs)
	case "#EXT-X-PRELOAD-HINT":
		if r.out.Hint = attrs["URI"]; r.out.Hint == "" || attrs["TYPE"] != "PART" {
			return errors.New("it hints at no part")
		}
	case "#EXTINF":
		d, _, comma := strings.Cut(value, ",")
		r.next.Duration, r.begun = seconds(d), true
		if !comma || r.next.Duration <= 0 {
			return errors.New("it has no duration, or no comma behind it")
		}
	case "#EXT-X-ENDLIST":
		r.out.Ended = true
	default:
		if strings.HasPrefix(line, "#") {
			return errors.New("a tag that livedub does not write")
		}
		return r.segment(line)
	}
	return err
}

func (r *reader) part(attrs map[string]string) error {
	p := Part{URI: attrs["URI"], Duration: seconds(attrs["DURATION"]), Independent: attrs["INDEPENDENT"] == "YES", Gap: attrs["GAP"] == "YES"}
	switch {
	case r.out.Part == 0:
		return errors.New("a part without a part target")
	case p.URI == "" || p.Duration <= 0:
		return errors.New("a part without an address or a duration")
	case p.Duration > r.out.Part+time.Millisecond:
		return fmt.Errorf("a part of %v, over the part target of %v", p.Duration, r.out.Part)
	case p.Duration < r.out.Part*85/100:
		return fmt.Errorf("a part of %v, under 85 %% of the part target of %v", p.Duration, r.out.Part)
	}
	r.next.Parts = append(r.next.Parts, p)
	return nil
}

func (r *reader) segment(uri string) error {
	s := r.next
	s.URI, s.Map, s.N = uri, r.mapped, r.out.Sequence+int64(len(r.out.Segments))
	r.next = Segment{}
	switch {
	case !r.begun:
		return errors.New("a segment without EXTINF")
	case time.Duration(math.Round(s.Duration.Seconds()))*time.Second > r.out.Target:
		return fmt.Errorf("a segment of %v, over the target duration of %v", s.Duration, r.out.Target)
	}
	r.begun = false
	var sum time.Duration
	for _, p := range s.Parts {
		sum += p.Duration
	}
	if len(s.Parts) > 0 && (sum-s.Duration).Abs() > time.Millisecond {
		return fmt.Errorf("its parts are %v long, and it is %v", sum, s.Duration)
	}
	if n := len(r.out.Segments); n > 0 && !s.Discon {
		last := r.out.Segments[n-1]
		if !s.Date.IsZero() && !last.Date.IsZero() && s.Date.Sub(last.Date.Add(last.Duration)).Abs() > 2*time.Millisecond {
			return fmt.Errorf("its date is %v behind the end of the one before", s.Date.Sub(last.Date.Add(last.Duration)))
		}
		if !s.Gap && !last.Gap && last.Map != s.Map && last.Map != "" && s.Map == "" {
			return errors.New("its initialization section is lost")
		}
	}
	r.out.Segments = append(r.out.Segments, s)
	return nil
}

func (r *reader) finish(text []byte) error {
	p := &r.out
	p.Open = r.next.Parts
	last := p.Target
	for i := len(p.Segments) - 1; i >= 0; i-- {
		s := p.Segments[i]
		if len(s.Parts) > 0 && last > 4*p.Target {
			return fmt.Errorf("segment %d lists its parts, %v before the end", s.N, last)
		}
		last += s.Duration
	}
	switch {
	case text[len(text)-1] != '\n':
		return errors.New("the last line does not end")
	case r.version < 8:
		return fmt.Errorf("version %d", r.version)
	case p.Target == 0:
		return errors.New("no target duration")
	case r.begun:
		return errors.New("EXTINF without a segment")
	case p.Part > 0 && !p.Ended && (!p.Blocks || r.hold < 3*p.Part):
		return errors.New("parts without blocking reload, or with a hold-back under three part targets")
	case p.Part > 0 && !p.Ended && p.Hint == "":
		return errors.New("no preload hint")
	case !p.Ended && p.Edge() < 0:
		return errors.New("nothing is there")
	}
	return nil
}

// Follows judges a playlist by the one that its server gave before.
func Follows(before, now Playlist) error {
	switch {
	case now.Target != before.Target || now.Part != before.Part:
		return fmt.Errorf("target durations changed from %v and %v to %v and %v", before.Target, before.Part, now.Target, now.Part)
	case now.Sequence < before.Sequence:
		return fmt.Errorf("the media sequence fell from %d to %d", before.Sequence, now.Sequence)
	case before.Ended && !now.Ended:
		return errors.New("it goes on behind its end")
	}
	n, part := before.Newest()
	if m, i := now.Newest(); m < n || m == n && i < part && !now.Ended {
		return fmt.Errorf("it has less: up to %d.%d, before up to %d.%d", m, i, n, part)
	}
	known := map[int64]Segment{}
	for _, s := range before.Segments {
		known[s.N] = s
	}
	for _, s := range now.Segments {
		old, ok := known[s.N]
		if !ok {
			if s.N == n {
				for i, p := range before.Open {
					if i < len(s.Parts) && s.Parts[i] != p {
						return fmt.Errorf("part %d of segment %d was changed", i, s.N)
					}
				}
			}
			continue
		}
		if old.URI != s.URI || old.Map != s.Map || old.Duration != s.Duration || !old.Date.Equal(s.Date) || old.Gap != s.Gap || old.Discon != s.Discon {
			return fmt.Errorf("segment %d was changed: %+v, before %+v", s.N, s, old)
		}
	}
	return nil
}

// attributes reads an attribute list.
func attributes(s string) map[string]string {
	out := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		out[name], s = value, rest
	}
	return out
}

func seconds(s string) time.Duration {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return time.Duration(math.Round(v*1e6)) * time.Microsecond
}

// Multivariant is a multivariant playlist.
type Multivariant struct {
	Variants []Variant
	Media    []map[string]string // the attributes of EXT-X-MEDIA
	Data     map[string]string   // of the session, by its name
}

// Variant is a variant of it.
type Variant struct {
	URI        string
	Attributes map[string]string
}

// ReadMultivariant reads a multivariant playlist and refuses what breaks a rule.
func ReadMultivariant(text []byte) (out Multivariant, err error) {
	out.Data = map[string]string{}
	var stream map[string]string
	names, groups := map[string]bool{}, map[string]bool{}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		name, value, _ := strings.Cut(line, ":")
		a := attributes(value)
		switch {
		case i == 0 && line != "#EXTM3U":
			return out, errors.New("the first line is not #EXTM3U")
		case name == "#EXT-X-MEDIA":
			key := a["TYPE"] + "/" + a["GROUP-ID"] + "/" + a["NAME"]
			if names[key] || a["NAME"] == "" || a["GROUP-ID"] == "" || a["LANGUAGE"] == "" || a["URI"] == "" {
				return out, fmt.Errorf("%q: a name twice in a group, or an attribute is missing", line)
			}
			names[key], groups[a["TYPE"]+"/"+a["GROUP-ID"]] = true, true
			out.Media = append(out.Media, a)
		case name == "#EXT-X-SESSION-DATA":
			out.Data[a["DATA-ID"]] = a["VALUE"]
		case name == "#EXT-X-STREAM-INF":
			stream = a
		case !strings.HasPrefix(line, "#") && stream != nil:
			for _, kind := range []string{"AUDIO", "SUBTITLES"} {
				if g := stream[kind]; g != "" && !groups[kind+"/"+g] {
					return out, fmt.Errorf("%q: there is no group %q", line, g)
				}
			}
			if n, err := strconv.Atoi(stream["BANDWIDTH"]); err != nil || n <= 0 || stream["CODECS"] == "" {
				return out, fmt.Errorf("%q: no bandwidth, or no codecs", line)
			}
			out.Variants = append(out.Variants, Variant{line, stream})
			stream = nil
		}
	}
	if len(out.Variants) == 0 {
		return out, errors.New("no variants")
	}
	return out, nil
}
