package report

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// The drawing's measures, in SVG units.
const (
	left      = 330 // where time begins
	perSecond = 90.
	rowHeight = 46
	maxRows   = 400 // a longer session shows its first phrases and says so
)

// WriteWaterfall draws, for every phrase, when it was spoken, recognized,
// translated, voiced and played: the answer to "why late?".
func (r *Report) WriteWaterfall(path string) error {
	return os.WriteFile(path, []byte(r.waterfall()), 0o644)
}

func (r *Report) waterfall() string {
	rows := r.Phrases[:min(len(r.Phrases), maxRows)]
	d := r.DelayMS / 1000
	end := 1.0
	for _, p := range rows {
		end = max(end, p.SourceEnd+d+1, p.Steps.ReadyAt+1)
		if p.DubEnd != nil {
			end = max(end, *p.DubEnd+d+.5)
		}
	}
	width, height := left+end*perSecond+40, 110+rowHeight*max(1, len(rows))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d" font-family="system-ui,sans-serif" font-size="12">
<style>.bg{fill:#fff}.ink{fill:#1d2430}.dim{fill:#6b7686}.grid{stroke:#e3e7ee}.odd{fill:#f6f8fb}@media(prefers-color-scheme:dark){.bg{fill:#12161d}.ink{fill:#e8ecf2}.dim{fill:#8e99a9}.grid{stroke:#29303b}.odd{fill:#181d26}}</style>
<rect class="bg" width="100%%" height="100%%"/>
`, width, height, width, height)
	fmt.Fprintf(&b, `<text class="ink" x="16" y="26" font-size="16" font-weight="600">%s to %s, %s, D = %.1f s</text>`+"\n",
		r.From, join(r), r.Profile, d)
	r.legend(&b)
	for t := 0.0; t <= end; t++ {
		x := left + t*perSecond
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="74" y2="%d"/><text class="dim" x="%.1f" y="70" text-anchor="middle">%.0f s</text>`+"\n",
			x, x, height-20, x, t)
	}
	if len(rows) == 0 {
		fmt.Fprintf(&b, `<text class="dim" x="16" y="100">no phrase was recognized</text>`+"\n")
	}
	for i, p := range rows {
		draw(&b, p, 80+float64(i*rowHeight), d, i%2 == 1)
	}
	if more := len(r.Phrases) - len(rows); more > 0 {
		fmt.Fprintf(&b, `<text class="dim" x="16" y="%d">and %d more in report.json</text>`+"\n", height-6, more)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

var colours = []struct{ name, fill string }{
	{"spoken", "#8aa4c8"}, {"recognized", "#e0a63c"}, {"translated", "#7cb36b"}, {"voiced", "#b07cc6"}, {"waits", "#c9d1dc"}, {"played", "#d9624f"},
}

func (r *Report) legend(b *strings.Builder) {
	for i, c := range colours {
		x := 16 + i*100
		fmt.Fprintf(b, `<rect x="%d" y="38" width="12" height="12" rx="2" fill="%s"/><text class="ink" x="%d" y="49">%s</text>`+"\n", x, c.fill, x+17, c.name)
	}
}

// draw draws one phrase: what happened before it could be played above, what was heard below.
func draw(b *strings.Builder, p Phrase, y, delay float64, odd bool) {
	if odd {
		fmt.Fprintf(b, `<rect class="odd" x="0" y="%.1f" width="100%%" height="%d"/>`+"\n", y, rowHeight)
	}
	fmt.Fprintf(b, `<text class="ink" x="16" y="%.1f">%d %s  %s</text><text class="dim" x="16" y="%.1f">%s</text>`+"\n",
		y+18, p.ID, p.Lang, short(p.Text), y+35, short(p.SourceText))
	bar := func(from, to, dy float64, kind int, tip string) {
		c := colours[kind]
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="14" rx="3" fill="%s"><title>%s: %s</title></rect>`+"\n",
			left+from*perSecond, y+dy, max(1.5, (to-from)*perSecond), c.fill, c.name, html.EscapeString(tip))
	}
	heard := p.Steps.HeardAt
	translated := heard + p.Steps.TranslateMS/1000
	voiced := translated + p.Steps.SpeakMS/1000
	bar(p.SourceStart, p.SourceEnd, 5, 0, fmt.Sprintf("%.2f to %.2f s", p.SourceStart, p.SourceEnd))
	bar(p.SourceEnd, heard, 5, 1, fmt.Sprintf("%.0f ms after its end", (heard-p.SourceEnd)*1000))
	bar(heard, translated, 5, 2, fmt.Sprintf("%.0f ms", p.Steps.TranslateMS))
	bar(translated, voiced, 5, 3, fmt.Sprintf("%.0f ms, rate %.2f", p.Steps.SpeakMS, p.Rate))
	if p.DubStart == nil {
		fmt.Fprintf(b, `<text class="dim" x="%.1f" y="%.1f">%s</text>`+"\n", left+(voiced+.1)*perSecond, y+16, html.EscapeString(skipped(p)))
		return
	}
	start, end := *p.DubStart+delay, *p.DubEnd+delay
	bar(voiced, max(voiced, start), 5, 4, fmt.Sprintf("%.0f ms until it is due", max(0, start-voiced)*1000))
	bar(start, end, 23, 5, fmt.Sprintf("%.2f to %.2f s, %.0f ms late", start, end, *p.LateMS))
	fmt.Fprintf(b, `<text class="dim" x="%.1f" y="%.1f">%s</text>`+"\n", left+end*perSecond+6, y+34, lateness(p))
}

// skipped tells what became of a phrase that was not heard, and for which engine it waited longest.
func skipped(p Phrase) string {
	text := string(p.Fate) + " " + p.Error
	if s := p.Slowest; s != nil && s.Engine != "" {
		text += fmt.Sprintf(" (%s %.0f ms)", s.Engine, s.MS)
	}
	return text
}

// lateness tells how late a phrase was heard, and for which engine it waited longest.
func lateness(p Phrase) string {
	if *p.LateMS < 1 {
		return "on time"
	}
	late := fmt.Sprintf("%.0f ms late", *p.LateMS)
	if s := p.Slowest; s != nil && s.Engine != "" {
		late += html.EscapeString(fmt.Sprintf(": %s %.0f ms", s.Engine, s.MS))
	}
	return late
}

func short(s string) string {
	r := []rune(s)
	if len(r) > 44 {
		r = append(r[:43], '…')
	}
	return html.EscapeString(string(r))
}

func join(r *Report) string {
	var s []string
	for _, l := range r.To {
		s = append(s, string(l))
	}
	return strings.Join(s, ", ")
}
