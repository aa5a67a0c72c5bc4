package report

import (
	"fmt"
	"strings"
	"time"

	"livedub/session/spec"
)

// Cue is one caption.
type Cue struct {
	Start, End time.Duration
	Text       string
}

// DubCues returns the captions of one dub.
func DubCues(records []spec.Record) (out []Cue) {
	for _, r := range records {
		switch {
		case r.Outcome == spec.Played:
			out = append(out, Cue{r.DubStart, r.DubEnd, r.Text})
		case r.Text != "":
			out = append(out, Cue{r.Phrase.Start, r.Phrase.End, r.Text})
		}
	}
	return out
}

// VTT returns captions as WebVTT. Cues stand in order and are cut where the next begins.
func VTT(cues []Cue) []byte {
	var b strings.Builder
	b.WriteString("WEBVTT\n")
	for i, c := range cues {
		end := c.End
		if i+1 < len(cues) {
			end = min(end, max(cues[i+1].Start, c.Start+time.Millisecond))
		}
		fmt.Fprintf(&b, "\n%s --> %s\n%s\n", stamp(c.Start), stamp(end), escape(c.Text))
	}
	return []byte(b.String())
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
