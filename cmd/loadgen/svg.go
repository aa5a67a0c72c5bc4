package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// Shapes of the picture, in pixels.
const (
	svgWidth  = 900
	svgLeft   = 70
	svgRight  = 34
	plotHigh  = 110
	plotApart = 48
	svgTop    = 56
)

// line is one line of a plot.
type line struct {
	name, colour string
	points       []point
}

// plot is one figure over time, or several of one unit.
type plot struct {
	title string
	lines []line
}

// svg draws the figures over time, one plot below the other, on one time axis.
func (r *report) svg() []byte {
	j := r.Journal
	j.mu.Lock()
	defer j.mu.Unlock()
	const blue, orange, green, red = "#1f6feb", "#d9730d", "#2a8a4a", "#c0392b"
	plots := []plot{
		{"sessions and viewers that run", []line{{"sessions", blue, j.sessions.maxima()}, {"viewers", green, j.viewers.maxima()}}},
		{"connect time, ms", []line{{"largest", orange, j.connect.maxima()}, {"mean", blue, j.connect.means()}}},
		{"first dub, ms", []line{{"largest", orange, j.dub.maxima()}, {"mean", blue, j.dub.means()}}},
		{"glass to glass, ms", []line{{"largest", orange, j.glass.maxima()}, {"mean", blue, j.glass.means()}}},
		{"A/V offset, ms (positive: sound is late)", []line{{"mean", blue, j.offset.means()}}},
		{"freezes, gaps, lost connections, failed sessions", []line{{"freezes", orange, j.freezes.sums()}, {"gaps", blue, j.gaps.sums()}, {"lost", green, j.lost.sums()}, {"failed", red, j.failed.sums()}}},
	}
	end := math.Max(r.End.At, 1)
	high := svgTop + len(plots)*(plotHigh+plotApart) + 10
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", svgWidth, high, svgWidth, high)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", svgWidth, high)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15">%s</text>`+"\n", svgLeft, html.EscapeString(fmt.Sprintf("loadgen: %d of %d sessions started, %d failed", r.End.Started, r.End.Sessions, r.End.Failed)))
	for i, p := range plots {
		p.draw(&b, svgTop+i*(plotHigh+plotApart), end)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// draw draws one plot below y.
func (p plot) draw(b *bytes.Buffer, y int, end float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range p.lines {
		for _, q := range l.points {
			low, high = min(low, q.v), max(high, q.v)
		}
	}
	none := low > high
	low, high = span(low, high)
	x := func(at float64) float64 { return svgLeft + min(at/end, 1)*(svgWidth-svgLeft-svgRight) }
	fy := func(v float64) float64 { return float64(y+plotHigh) - (v-low)/(high-low)*plotHigh }
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#333">%s</text>`+"\n", svgLeft, y-6, html.EscapeString(p.title))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#ccc"/>`+"\n", svgLeft, y, svgWidth-svgLeft-svgRight, plotHigh)
	for _, v := range []float64{low, (low + high) / 2, high} {
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="#666">%s</text>`+"\n", svgLeft-6, fy(v)+4, short(v))
	}
	for _, at := range []float64{0, end / 2, end} {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#666">%s s</text>`+"\n", x(at), y+plotHigh+16, short(at))
	}
	if none {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#999">nothing was measured</text>`+"\n", (svgLeft+svgWidth)/2, y+plotHigh/2)
		return
	}
	for i, l := range p.lines {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n", svgWidth-svgRight-80*(len(p.lines)-1-i), y-6, l.colour, html.EscapeString(l.name))
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, l.colour)
		for _, q := range l.points {
			fmt.Fprintf(b, "%.1f,%.1f ", x(q.at), fy(q.v))
		}
		b.WriteString(`"/>` + "\n")
		for _, q := range l.points {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="1.5" fill="%s"/>`+"\n", x(q.at), fy(q.v), l.colour)
		}
	}
}

// span widens what is shown to something that can be divided, with 0 in it where that is near.
func span(low, high float64) (float64, float64) {
	if low > high {
		return 0, 1
	}
	if low > 0 && low < (high-low)*4 {
		low = 0
	}
	if high-low < 1 {
		return low - .5, high + .5
	}
	return low, high
}

// short prints a number as short as it can be read.
func short(v float64) string {
	if math.Abs(v) >= 100 || v == math.Trunc(v) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
