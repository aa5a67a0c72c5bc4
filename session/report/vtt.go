package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"livedub/inference"
	"livedub/session/spec"
)

// Cue is one caption.
type Cue struct {
	Start, End time.Duration
	Text       string
	Lang       inference.Lang // "" where the file's name tells it
}

// SaidCue returns the caption of what was said in a session spoken in from; where
// that is told by ear it carries its language.
func SaidCue(from inference.Lang, p inference.Phrase) Cue {
	c := Cue{Start: p.Start, End: p.End, Text: p.Text}
	if from == inference.Auto {
		c.Lang = p.Lang
	}
	return c
}

// DubCues returns the captions of one dub.
func DubCues(records []spec.Record) (out []Cue) {
	for _, r := range records {
		switch {
		case r.Outcome == spec.Played:
			out = append(out, Cue{Start: r.DubStart, End: r.DubEnd, Text: r.Text})
		case r.Text != "":
			out = append(out, Cue{Start: r.Phrase.Start, End: r.Phrase.End, Text: r.Text})
		}
	}
	return out
}

// Cut returns captions in order, each cut where the next begins.
func Cut(cues []Cue) []Cue {
	out := slices.SortedStableFunc(slices.Values(cues), func(a, b Cue) int { return cmp.Compare(a.Start, b.Start) })
	for i := range out {
		if i+1 < len(out) {
			out[i].End = min(out[i].End, max(out[i+1].Start, out[i].Start+time.Millisecond))
		}
	}
	return out
}

// VTT returns captions as WebVTT. Cues stand in order and are cut where the next begins.
func VTT(cues []Cue) []byte {
	var b strings.Builder
	b.WriteString("WEBVTT\n")
	for _, c := range Cut(cues) {
		fmt.Fprintf(&b, "\n%s --> %s\n%s\n", stamp(c.Start), stamp(c.End), c.text())
	}
	return []byte(b.String())
}

// text returns the cue's text, within a language span where the cue has its own language.
func (c Cue) text() string {
	if c.Lang == "" {
		return escape(c.Text)
	}
	return fmt.Sprintf("<lang %s>%s</lang>", c.Lang, escape(c.Text))
}

func stamp(d time.Duration) string {
	d = max(0, d.Round(time.Millisecond))
	return fmt.Sprintf("%02d:%02d:%02d.%03d", d/time.Hour, d/time.Minute%60, d/time.Second%60, d/time.Millisecond%1000)
}

// escape keeps a caption from being read as markup, or as more than one cue.
func escape(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
