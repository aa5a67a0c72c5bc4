package report

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Cue is one caption.
type Cue struct {
	Start, End time.Duration
	Text       string
}

// WriteVTT writes captions as WebVTT. Cues stand in order and are cut where the next begins.
func WriteVTT(path string, cues []Cue) error {
	var b strings.Builder
	b.WriteString("WEBVTT\n")
	for i, c := range cues {
		end := c.End
		if i+1 < len(cues) {
			end = min(end, max(cues[i+1].Start, c.Start+time.Millisecond))
		}
		fmt.Fprintf(&b, "\n%s --> %s\n%s\n", stamp(c.Start), stamp(end), escape(c.Text))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
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
