package lips

import (
	"context"
	"image"

	"livedub/inference"
	"livedub/media"
)

// stream renders one dub.
type stream struct {
	cfg     Config
	chooser chooser
	buf     []byte // the region as it came
	cover   []byte // the mask over it
}

// Render implements inference.LipsStream.
func (s *stream) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	if err := ctx.Err(); err != nil {
		return inference.Untouched, err
	}
	t := Trace{PTS: r.Frame.PTS}
	if v := viewOf(r); v != nil {
		s.render(r, v, &t)
	}
	return s.done(t), nil
}

// done ends a frame's rendering.
func (s *stream) done(t Trace) inference.LipsMethod {
	if t.Method == inference.Untouched || t.Method == inference.Net {
		s.chooser.last = nil
	}
	if s.cfg.Trace != nil {
		s.cfg.Trace(t)
	}
	return t.Method
}

// viewOf returns what is known of the frame that is asked for; nil where no mouth can be made.
func viewOf(r inference.LipsRequest) *view {
	if v, ok := r.Snapshot.(*view); ok && v.face != 0 && len(r.Mouth) > 0 {
		return v
	}
	return nil
}

// least is how much of a mouth is worth being made.
const least = .03

func (s *stream) render(r inference.LipsRequest, v *view, t *Trace) {
	amount := min(r.Amount, v.trust)
	if amount < least {
		return
	}
	want := v.want(r.Mouth, amount)
	p := paste{
		dst: r.Frame, pose: v.pose, mouth: v.shape, old: v.shape, amount: smooth(min(1, 1.5*amount)),
	}
	e := s.chooser.choose(v, want, r.Frame.PTS, s.cfg.Exclude)
	first := want[0]
	if e != nil {
		t.Method, t.Source = inference.Own, e.at
		p.crisp = crisp(v.sharp, e.sharp)
		dx, dy, _ := register(e.nose, v.nose)
		p.mouth = e.shape
		// The nose tells where that mouth belongs, the mouth that is there too: both err.
		p.mouth.x, p.mouth.y = (e.shape.x+dx+v.shape.x)/2, (e.shape.y+dy+v.shape.y)/2
		p.layer = layer{src: e.pic, pose: e.pose, sy: 1, warp: newWarp(e.shape, e.reach(first.height), e.spread(first.width)), own: true}
	} else {
		t.Method = inference.Warp
		width := min(max(first.width, .85*v.shape.width), 1.15*v.shape.width)
		p.layer = layer{pose: v.pose, sy: 1, warp: newWarp(v.shape, min(first.height, v.shape.height()+.18), width)}
		p.inside(v.shape.lips)
	}
	p.drop = first.height - v.shape.height()
	under := max(p.layer.warp.from.under+max(p.layer.warp.more, 0), v.shape.y+v.shape.under-p.mouth.y)
	s.lay(&p, region{above: min(.5, p.mouth.y-.18), below: min(under+.24, .8), half: .68}, v, first, t)
}

// lay paints the new mouth, by which the first of what was wanted was meant, and tells
// of it; where none of it would be seen the frame stays untouched.
func (s *stream) lay(p *paste, reg region, v *view, first wanted, t *Trace) {
	box := p.bounds()
	if box.Empty() {
		t.Method = inference.Untouched
		return
	}
	p.before = s.copy(p.dst, box)
	if n := box.Dx() * box.Dy(); cap(s.cover) < n {
		s.cover = make([]byte, n)
	}
	p.cover = s.cover[:box.Dx()*box.Dy()]
	if p.layer.src.y.b == nil {
		p.layer.src = p.before
	}
	t.Mask = p.run(reg)
	t.Face, t.Eyes, t.Height, t.Width, t.Close = v.face, v.pose.eyes(), first.height, first.width, first.close > .5
}

// copy keeps what the region looked like before it is painted over.
func (s *stream) copy(f *media.Frame, r image.Rectangle) frame {
	w, h := r.Dx(), r.Dy()
	n := w*h + 2*(w/2)*(h/2)
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	b := s.buf[:n]
	take := func(src []byte, stride, x, y, w, h int) plane {
		p := plane{b[:w*h], w, w, h}
		b = b[w*h:]
		for j := range h {
			copy(p.b[j*w:(j+1)*w], src[(y+j)*stride+x:])
		}
		return p
	}
	return frame{
		y:  take(f.Y, f.YStride, r.Min.X, r.Min.Y, w, h),
		u:  take(f.U, f.UVStride, r.Min.X/2, r.Min.Y/2, w/2, h/2),
		v:  take(f.V, f.UVStride, r.Min.X/2, r.Min.Y/2, w/2, h/2),
		x0: float64(r.Min.X), y0: float64(r.Min.Y), scale: 1,
	}
}

// Close implements inference.LipsStream.
func (s *stream) Close() error { return nil }
