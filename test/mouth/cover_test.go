package mouth

import (
	"fmt"
	"image"
	"testing"
)

// TestCovers moves a hand, and a microphone, before the mouth of somebody who talks and
// away again. Nothing is laid on what covers the mouth, and the mouth is back soon.
func TestCovers(t *testing.T) {
	t.Parallel()
	const size, in, before, gone, end = 360, 80, 90, 125, 180
	// From below up before the mouth, and down again.
	path := func(rest, up float64) string {
		return fmt.Sprintf("'%.0f-%.0f*min(clip((t*25-%d)/8,0,1),clip((%d-t*25)/8,0,1))'", rest, up, in-8, gone+8)
	}
	for name, c := range map[string]struct {
		thing string
		clip  string
		x, y  float64 // of its upper left corner, before the mouth
	}{
		"hand": {"color=0xc09078:s=130x90:r=25,format=yuva420p,geq=lum='p(X,Y)-45*pow(abs(mod(Y,23)/11.5-1),4)':cb='p(X,Y)':cr='p(X,Y)':a='if(lte(pow(abs(X-65)/65,6)+pow(abs(Y-45)/45,6),1),255,0)'",
			"vr__1", 140, 134},
		"microphone": {"color=0x303030:s=64x200:r=25,format=yuva420p,geq=lum='p(X,Y)+20*lt(hypot(X-22,Y-20),9)+14*mod(floor(X/3)+floor(Y/3),2)*lt(Y,64)':cb=128:cr=128:a='255*(lte(hypot(X-32,Y-32),31)+lte(abs(X-32),11)*gte(Y,40))'",
			"vr__1", 173, 138},
	} {
		t.Run(name, func(t *testing.T) {
			graph := fmt.Sprintf("[0:v]fps=25,scale=%d:%d,setsar=1[a];%s[b];[a][b]overlay=x=%.0f:y=%s:shortest=1[out]", size, size, c.thing, c.x, path(size, size-c.y))
			frames := film(t, end, graph, c.clip)
			look := newSheet(t)
			var own, over count
			own.from, own.to = gone+8+25, end
			over.from, over.to = before, gone
			s := screen(t, frames, [][]int{every(0, in-8, 2)}, func(p shown) {
				own.see(p)
				over.see(p)
				if p.n >= in-12 && p.n < gone+40 && p.n%4 == 0 {
					look.add(p, image.Rect(60, 80, 300, size))
				}
				if p.n >= before && p.n < gone && p.changed > 0 {
					t.Errorf("frame %d: a mouth (%v) over the %s", p.n, p.method, name)
				}
			})
			if len(s.torn) > 0 {
				t.Errorf("torn: frames %v", s.torn)
			}
			if own.own < own.all*9/10 {
				t.Errorf("afterwards: %v", &own)
			}
			t.Logf("while covered: %v; afterwards: %v", &over, &own)
		})
	}
}
