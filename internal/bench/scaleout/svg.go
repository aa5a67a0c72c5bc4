package scaleout

import (
	"bytes"
	"fmt"
	"html"
)

// Shapes of the picture, in pixels.
const (
	svgWidth = 1000
	svgLeft  = 90
	svgRight = 40
	svgTop   = 100
	barHigh  = 44
	rowHigh  = 96
	textWide = 7.2 // of a letter, about
)

// style is for light and dark; GitHub shows the picture as its reader's system is set.
const style = `<style>
.bg{fill:#fff}.ink{fill:#1c2733}.soft{fill:#596675}.grid{stroke:#d3dae3}
.b0{fill:#b9c4d2}.b1{fill:#d5b88a}.b2{fill:#d98a5b}.b3{fill:#5f9be0}.seam{stroke:#fff}
@media (prefers-color-scheme: dark){.bg{fill:#0f1620}.ink{fill:#e9eff6}.soft{fill:#a9b6c5}.grid{stroke:#334155}
.b0{fill:#4a5a70}.b1{fill:#7c663f}.b2{fill:#a35a30}.b3{fill:#3f73b5}.seam{stroke:#0f1620}}
</style>
`

// owners are whose time a phase is, with the class of its colour.
var owners = []struct{ by, class string }{{"cloudwatch", "b0"}, {"auto scaling", "b1"}, {"ec2", "b2"}, {"livedub", "b3"}}

func classOf(by string) string {
	for _, o := range owners {
		if o.by == by {
			return o.class
		}
	}
	return "b2" // EC2's and livedub's, not told apart
}

// SVG draws the phases of each start as parts of a bar.
func SVG(all []Report) []byte {
	end := 1.
	for _, r := range all {
		for _, p := range r.Phases {
			end = max(end, p.AtS)
		}
	}
	high := svgTop + rowHigh*len(all) + 40
	x := func(at float64) float64 { return svgLeft + at/end*(svgWidth-svgLeft-svgRight) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="system-ui, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif" font-size="13">`+"\n", svgWidth, high)
	b.WriteString("<title id=\"t\">From the load to the first sound of a new node</title>\n<desc id=\"d\">For each start a bar of its phases, in seconds since the load began.</desc>\n")
	b.WriteString(style)
	fmt.Fprintf(&b, `<rect class="bg" width="%d" height="%d" rx="14"/>`+"\n", svgWidth, high)
	text(&b, 30, 34, "ink", `font-size="17"`, "From the load to the first sound of a new node, seconds")
	at := 30.
	for _, o := range owners {
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="52" width="26" height="14"/>`+"\n", o.class, at)
		text(&b, at+34, 64, "ink", "", o.by)
		at += 150
	}
	for i, r := range all {
		top := float64(svgTop + rowHigh*i)
		text(&b, 30, top+barHigh/2+5, "ink", `font-size="15"`, r.Start)
		before := 0.
		for _, p := range r.Phases {
			wide := x(p.AtS) - x(before)
			fmt.Fprintf(&b, `<rect class="%s seam" x="%.1f" y="%.1f" width="%.1f" height="%d"><title>%s: %.1f s</title></rect>`+"\n", classOf(p.By), x(before), top, wide, barHigh, html.EscapeString(p.Name), p.TookS)
			if label := fmt.Sprintf("%.1f", p.TookS); wide > float64(len(label)+1)*textWide {
				text(&b, x(before)+wide/2, top+barHigh/2+5, "ink", `text-anchor="middle"`, label)
			}
			if wide > float64(len(p.Name)+1)*textWide {
				text(&b, x(before)+wide/2, top+barHigh+18, "soft", `text-anchor="middle"`, p.Name)
			}
			before = p.AtS
		}
		if r.SessionS > 0 {
			fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`+"\n", x(r.SessionS), x(r.SessionS), top-8, top+barHigh+24)
			text(&b, x(r.SessionS), top-12, "ink", `text-anchor="end"`, fmt.Sprintf("first session at %.1f", r.SessionS))
		}
	}
	text(&b, 30, float64(high)-16, "soft", "", legend(all))
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// legend says whose time is what.
func legend(all []Report) string {
	for _, r := range all {
		for _, p := range r.Phases {
			if !p.Real {
				return "AWS is a fake here, and its times (grey, yellow, orange) are settings; livedub's (blue) are measured"
			}
		}
	}
	return "grey, yellow and orange: AWS's time, with the boot of the machine up to where livedub serves; blue: livedub's"
}

func text(b *bytes.Buffer, x, y float64, class, more, what string) {
	fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f" %s>%s</text>`+"\n", class, x, y, more, html.EscapeString(what))
}
