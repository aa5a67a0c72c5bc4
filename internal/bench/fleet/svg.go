package fleet

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"
)

// Shapes of the pictures, in pixels.
const (
	svgWidth = 1000
	svgLeft  = 60
	svgRight = 30
	svgTop   = 84
	plotHigh = 280
	rowHigh  = 20
	barLeft  = 340
	barWidth = 460
)

// style is for light and dark; GitHub shows the picture as its reader's system is set.
const style = `<style>
.bg{fill:#fff}.ink{fill:#1c2733}.num{fill:#1c2733;stroke:#fff;stroke-width:4px;paint-order:stroke}.soft{fill:#596675}.grid{stroke:#d3dae3}.area{fill:#d5dde7}
.s0{stroke:#b3541e}.s1{stroke:#2f77d1}.b0{fill:#d98a5b}.b1{fill:#5f9be0}.goal{stroke:#1c7a3a}.goalink{fill:#1c7a3a}
@media (prefers-color-scheme: dark){.bg{fill:#0f1620}.ink{fill:#e9eff6}.num{fill:#e9eff6;stroke:#0f1620}.soft{fill:#a9b6c5}.grid{stroke:#334155}.area{fill:#3d4f66}
.s0{stroke:#f0a070}.s1{stroke:#64a5f2}.b0{fill:#c4713f}.b1{fill:#4a86cc}.goal{stroke:#5fc98a}.goalink{fill:#5fc98a}}
</style>
`

// open begins a picture.
func open(b *bytes.Buffer, high int, title, says string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="system-ui, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif" font-size="13">`+"\n", svgWidth, high)
	fmt.Fprintf(b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n", html.EscapeString(title), html.EscapeString(says))
	b.WriteString(style)
	fmt.Fprintf(b, `<rect class="bg" width="%d" height="%d" rx="14"/>`+"\n", svgWidth, high)
	text(b, svgLeft, 32, "ink", `font-size="17"`, title)
}

func text(b *bytes.Buffer, x, y float64, class, more, what string) {
	fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f" %s>%s</text>`+"\n", class, x, y, more, html.EscapeString(what))
}

// Slug is a trace's name as a part of a file's.
func Slug(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == ',' }), "-")
}

// TraceSVG draws one run of a trace: calls that are wanted, and the places that two policies have for them.
func TraceSVG(f Figures, name string, policies [2]string) []byte {
	var shown [2]Result
	for _, r := range f.Policies {
		for i, p := range policies {
			if r.Trace == name && r.Name == p {
				shown[i] = r
			}
		}
	}
	high, end := 1.0, 1.0
	for _, r := range shown {
		for _, s := range r.Series {
			high, end = max(high, float64(s.Wanted), float64(s.Places)), max(end, s.At)
		}
	}
	high = math.Ceil(high/5) * 5
	x := func(at float64) float64 { return svgLeft + at/end*(svgWidth-svgLeft-svgRight) }
	y := func(v float64) float64 { return svgTop + plotHigh - v/high*plotHigh }

	var b bytes.Buffer
	open(&b, svgTop+plotHigh+50, "Places against calls: "+name,
		fmt.Sprintf("Over one run of the trace %s: the calls that are wanted, and the places that the policies %s and %s have.", name, policies[0], policies[1]))
	for v := 0.0; v <= high; v += 5 {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`+"\n", svgLeft, svgWidth-svgRight, y(v), y(v))
		text(&b, svgLeft-10, y(v)+4, "soft", `text-anchor="end"`, fmt.Sprintf("%g", v))
	}
	for i := range 7 {
		at := end * float64(i) / 6
		text(&b, x(at), svgTop+plotHigh+22, "soft", `text-anchor="middle"`, fmt.Sprintf("%.1f h", at/3600))
	}
	fmt.Fprintf(&b, `<path class="area" d="M%d %.1f%sL%.1f %.1fZ"/>`+"\n", svgLeft, y(0), steps(shown[1].Series, x, y, func(s Sample) int { return s.Wanted }), x(end), y(0))
	for i, r := range shown {
		fmt.Fprintf(&b, `<path class="s%d" fill="none" stroke-width="2.5"%s d="M%d %.1f%s"/>`+"\n", i, []string{` stroke-dasharray="7 4"`, ""}[i],
			svgLeft, y(0), steps(r.Series, x, y, func(s Sample) int { return s.Places }))
		at := float64(svgLeft + 230 + 350*i)
		fmt.Fprintf(&b, `<line class="s%d" stroke-width="2.5"%s x1="%.1f" x2="%.1f" y1="58" y2="58"/>`+"\n", i, []string{` stroke-dasharray="7 4"`, ""}[i], at, at+34)
		text(&b, at+42, 62, "ink", "", "places: "+r.Name)
	}
	fmt.Fprintf(&b, `<rect class="area" x="%d" y="50" width="34" height="14"/>`+"\n", svgLeft)
	text(&b, svgLeft+42, 62, "ink", "", "calls that are wanted")
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// steps is a path that stands until its value changes.
func steps(series []Sample, x, y func(float64) float64, of func(Sample) int) string {
	var b strings.Builder
	last := -1
	for i, s := range series {
		if v := of(s); v != last || i == len(series)-1 {
			fmt.Fprintf(&b, "H%.1fV%.1f", x(s.At), y(float64(v)))
			last = v
		}
	}
	return b.String()
}

// SummarySVG draws what was blocked on the traces by which the goal is judged.
func SummarySVG(f Figures) []byte {
	var rows []Result
	worst, groups := 4.0, 0
	for _, r := range f.Policies {
		if !r.Goal {
			continue
		}
		if len(rows) == 0 || rows[len(rows)-1].Trace != r.Trace {
			groups++
		}
		rows = append(rows, r)
		worst = max(worst, r.BlockedPct)
	}
	worst = math.Ceil(worst)
	x := func(pct float64) float64 { return barLeft + pct/worst*barWidth }
	high := svgTop + len(rows)*rowHigh + groups*34 + 20

	var b bytes.Buffer
	open(&b, high, "Calls refused at the first try, and GPU hours of a run", "Bars for each policy on each trace with a flash crowd, with the goal of 2 percent as a line.")
	text(&b, barLeft, 60, "soft", "", "% refused")
	text(&b, svgWidth-svgRight, 60, "soft", `text-anchor="end"`, "GPU hours (to the notes with a warm pool)")
	fmt.Fprintf(&b, `<line class="goal" stroke-width="1.5" stroke-dasharray="4 4" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", x(2), x(2), svgTop, high-20)
	text(&b, x(2)+5, svgTop, "goalink", "", "goal: 2 %")
	y, base, trace := float64(svgTop), 0.0, ""
	for _, r := range rows {
		if r.Trace != trace {
			trace = r.Trace
			y += 34
			name := trace + " (tuned on)"
			if r.HeldOut {
				name = trace + " (held out)"
			}
			text(&b, svgLeft, y-8, "ink", `font-weight="600"`, name)
			for _, o := range rows {
				if o.Trace == trace && o.Name == notesWarm {
					base = o.GPUHours
				}
			}
		}
		class := "area"
		switch who, _, _ := strings.Cut(r.Name, ","); who {
		case "notes":
			class = "b0"
		case "ours", "tracking both ways":
			class = "b1"
		}
		text(&b, barLeft-12, y+13, "ink", `text-anchor="end"`, r.Name)
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%.1f" width="%.1f" height="%d" rx="2"/>`+"\n", class, barLeft, y+2, x(r.BlockedPct)-barLeft, rowHigh-5)
		text(&b, x(r.BlockedPct)+6, y+13, "num", "", fmt.Sprintf("%.1f", r.BlockedPct))
		text(&b, svgWidth-svgRight, y+13, "ink", `text-anchor="end"`, fmt.Sprintf("%.1f (%.2f)", r.GPUHours, r.GPUHours/base))
		y += rowHigh
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
