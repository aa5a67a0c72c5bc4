package mouth

import (
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

// TestHardCuts shows a film that cuts from one person to another and back, twice. Each
// has their own mouths, and right after a cut none are shown.
func TestHardCuts(t *testing.T) {
	t.Parallel()
	const size, part, parts = 360, 60, 4
	scene := func(k int) string {
		return fmt.Sprintf("[%d:v]fps=25,scale=%d:%d:force_original_aspect_ratio=increase,crop=%d:%d,setsar=1,trim=start_frame=%d:end_frame=%d,setpts=PTS-STARTPTS[s%d]",
			k, size, size, size, size, part/2*(k/2), part/2*(k/2)+part, k)
	}
	graph := ""
	for k := range parts {
		graph += scene(k) + ";"
	}
	graph += "[s0][s1][s2][s3]concat=n=4:v=1[out]"
	frames := film(t, part*parts, graph, "vr__1", "vr__3", "vr__1", "vr__3")
	look := newSheet(t)
	var own [parts]count
	for k := range own {
		own[k] = count{from: k*part + 30, to: (k+1)*part - 1}
	}
	s := screen(t, frames, [][]int{append(every(0, part, 2), every(2*part, 3*part, 2)...), append(every(part, 2*part, 2), every(3*part, 4*part, 2)...)}, func(p shown) {
		for k := range own {
			own[k].see(p)
		}
		k := p.n / part
		if p.method == inference.Own && int(p.trace.Source/tick)/part%2 != k%2 {
			t.Errorf("frame %d: a mouth of the other person, of frame %d", p.n, p.trace.Source/tick)
		}
		if p.n%part < 2 && p.changed > 0 {
			t.Errorf("frame %d, right after a cut: %v", p.n, p.method)
		}
		if i := p.n % part; p.n >= part && (i < 6 || i%12 == 0) {
			look.add(p, image.Rectangle{})
		}
	})
	if len(s.torn) > 0 {
		t.Errorf("torn: frames %v", s.torn)
	}
	for k := range own {
		t.Logf("part %d: %v", k, &own[k])
		if k >= 2 && own[k].own < own[k].all*9/10 {
			t.Errorf("back, but %v", &own[k])
		}
	}
}

// TestOutAndBack moves one of two people out of the picture and back. Nobody gets
// another's mouth, and the one who is back has their own again.
func TestOutAndBack(t *testing.T) {
	t.Parallel()
	const w, h, leaves, back, end = 640, 360, 80, 130, 200
	x := fmt.Sprintf("'40-420*min(clip((t*25-%d)/12,0,1),clip((%d-t*25)/12,0,1))'", leaves, back+12)
	graph := fmt.Sprintf("color=c=0x708090:s=%dx%d:r=25[w];[0:v]fps=25,scale=300:300,setsar=1[a];[1:v]fps=25,trim=end_frame=1,loop=-1:1,setpts=N/25/TB,scale=240:240,setsar=1[b];[w][a]overlay=x=%s:y=30[p];[p][b]overlay=x=380:y=90[out]", w, h, x)
	frames := film(t, end, graph, "vr__1", "vr__3")
	sounds := levels(t, "vr__1")[:112]
	look := newSheet(t)
	own := count{from: back + 12 + 25}
	c := begin(t, func(p shown) {
		own.see(p)
		for _, tr := range p.traces {
			if tr.Method != inference.Untouched && tr.Mask.Max.X > 440 {
				t.Errorf("frame %d: a mouth (%v) on who says nothing", p.n, tr.Method)
			}
		}
		if p.n > leaves && p.n%6 == 0 {
			look.add(p, image.Rectangle{})
		}
	})
	c.dubbed([]phrase{{0, 0, leaves + 5, 30, back - 5, 110}, {0, back, end, back, end, 110}})
	for i, f := range frames {
		at := time.Duration(i) * tick
		c.mouths.(inference.LipsHear).Hear(at, sounds[i%len(sounds)])
		c.takeSome(again(f, at), nil, true)
	}
	c.end()
	t.Logf("back: %v", &own)
	if own.own < own.all*9/10 {
		t.Errorf("back: %v", &own)
	}
}

// TestProfile squeezes a head and draws its one side nearer, as one that turns.
func TestProfile(t *testing.T) {
	t.Parallel()
	const size, turns, side, back, end = 360, 70, 90, 120, 180
	k := fmt.Sprintf("min(clip((on-%d)/%d,0,1),clip((%d-on)/%d,0,1))", turns, side-turns, back+side-turns, side-turns)
	for name, points := range map[string]string{
		"left":  "x0=W*.34*%[1]s:y0=0:x1=W-W*.2*%[1]s:y1=H*.12*%[1]s:x2=W*.34*%[1]s:y2=H:x3=W-W*.2*%[1]s:y3=H-H*.12*%[1]s",
		"right": "x0=W*.2*%[1]s:y0=H*.12*%[1]s:x1=W-W*.34*%[1]s:y1=0:x2=W*.2*%[1]s:y2=H-H*.12*%[1]s:x3=W-W*.34*%[1]s:y3=H",
	} {
		t.Run(name, func(t *testing.T) {
			points := fmt.Sprintf(points, "("+k+")")
			graph := fmt.Sprintf("[0:v]fps=25,crop=420:420:iw*.22:ih*.05,scale=%d:%d,setsar=1,perspective=%s:sense=destination:eval=frame[out]", size, size, strings.NewReplacer(",", "\\,").Replace(points))
			frames := film(t, end, graph, "vr__1")
			look := newSheet(t)
			own := count{from: back + side - turns + 25}
			s := screen(t, frames, [][]int{every(0, turns, 2)}, func(p shown) {
				own.see(p)
				if p.n > turns-4 && p.n < back+side-turns+10 && p.n%4 == 0 {
					look.add(p, image.Rectangle{})
				}
			})
			if len(s.torn) > 0 {
				t.Errorf("torn: frames %v", s.torn)
			}
			t.Logf("back: %v", &own)
			if own.own < own.all*9/10 {
				t.Errorf("back: %v", &own)
			}
		})
	}
}
