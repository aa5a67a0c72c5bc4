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
	shown   map[int]*shown // what faces had lately, by ID
	chooser *chooser       // of the face at work
	buf     []byte         // the region as it came
	cover   []byte         // the mask over it
}

// Render implements inference.LipsStream.
func (s *stream) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	if err := ctx.Err(); err != nil {
		return inference.Untouched, err
	}
	return s.all(r, nil), nil
}

// all makes all mouths of a frame, and returns how the one was made that was asked for,
// or, where that was not, another one. net, if set, makes it where it can.
func (s *stream) all(r inference.LipsRequest, net func(inference.LipsRequest, *view, *Trace) bool) (how inference.LipsMethod) {
	parts := s.parts(r)
	if len(parts) == 0 || !parts[0].main {
		t := Trace{PTS: r.Frame.PTS, Why: NoFace}
		if v, ok := r.Snapshot.(*view); ok && v.face != 0 && len(r.Mouth) > 0 {
			t.Why = Elsewhere
		}
		s.trace(t)
	}
	for _, p := range parts {
		t := Trace{PTS: r.Frame.PTS}
		now := s.shown[p.face]
		s.chooser = &now.chooser
		if net == nil || !p.main || !net(p.r, p.view, &t) {
			s.render(p.r, p.view, &t)
		}
		if t.Method == inference.Untouched || t.Method == inference.Net {
			s.chooser.last = nil
		}
		now.net = t.Method == inference.Net
		s.trace(t)
		if how == inference.Untouched {
			how = t.Method
		}
	}
	return how
}

func (s *stream) trace(t Trace) {
	if s.cfg.Trace != nil {
		s.cfg.Trace(t)
	}
}

// least is how much of a mouth is worth being made.
const least = .03

// render shows the best of the speaker's own mouths, the frame's own one warped
// where none goes with the frame, and nothing new where that would be seen.
func (s *stream) render(r inference.LipsRequest, v *view, t *Trace) {
	amount := min(r.Amount, v.trust)
	if amount < least {
		t.Why = Untrusted
		if v.habits.gauge.unsure() {
			t.Why = Unread
		}
		return
	}
	want := v.want(r.Mouth, amount)
	rest, ok := s.own(r, v, want, amount, t)
	if ok {
		return
	}
	s.chooser.last = nil
	if rest > lostRest {
		return
	}
	first := want[0]
	p := newPaste(r, v, amount)
	width := min(max(first.width, .85*v.shape.width), 1.15*v.shape.width)
	p.layer = layer{pose: v.pose, sy: 1, warp: newWarp(v.shape, min(first.height, v.shape.height()+.18), width)}
	p.inside(v.shape.lips)
	if s.show(p, v, first, t) {
		t.Method = inference.Warp
	}
}

// own shows one of the speaker's own mouths. It tells whether one went with the
// frame, and what the best registration of those that were tried left.
func (s *stream) own(r inference.LipsRequest, v *view, want []wanted, amount float64, t *Trace) (least float64, ok bool) {
	last, first := s.chooser.last, want[0]
	s.chooser.unfit = s.chooser.unfit[:0]
	for i := range tries {
		s.chooser.last = last
		e, why := s.chooser.choose(v, want, r.Frame.PTS, s.cfg.Exclude)
		if e == nil {
			if t.Why == "" {
				t.Why = why
			}
			return least, false
		}
		p := newPaste(r, v, amount)
		p.crisp = crisp(v.sharp, e.sharp)
		dx, dy, rest := register(e.nose, v.nose)
		if i == 0 || rest < least {
			least = rest
		}
		p.mouth, p.edge[1] = e.shape, e.edge
		// The nose tells where that mouth belongs, the mouth that is there too: both err.
		p.mouth.x, p.mouth.y = (e.shape.x+dx+v.shape.x)/2, (e.shape.y+dy+v.shape.y)/2
		p.layer = layer{src: e.pic, pose: e.pose, sy: 1, warp: newWarp(e.shape, e.reach(first.height), e.spread(first.width)), own: true}
		switch {
		case rest > mostRest:
			t.Why = OtherPose
		case !p.covers():
			t.Why = OtherOutline
		case s.show(p, v, first, t):
			t.Method, t.Source, t.Why = inference.Own, e.at, ""
			t.Opened, t.Spread = p.layer.warp.more, p.layer.warp.width-e.shape.width
			return least, true
		default:
			return least, false
		}
		s.chooser.unfit = append(s.chooser.unfit, e)
	}
	return least, false
}

// newPaste begins the work on a frame.
func newPaste(r inference.LipsRequest, v *view, amount float64) *paste {
	return &paste{
		dst: r.Frame, pose: v.pose, edge: [2]*outline{v.edge, nil}, mouth: v.shape, old: v.shape, amount: smooth(min(1, 1.5*amount)),
	}
}

// show lays the new mouth, unless it tears the face: then the frame is as it was.
func (s *stream) show(p *paste, v *view, first wanted, t *Trace) bool {
	p.drop = first.height - v.shape.height()
	under := max(p.layer.warp.from.under+max(p.layer.warp.more, 0), v.shape.y+v.shape.under-p.mouth.y)
	if !s.lay(p, region{above: min(.5, p.mouth.y-.18), below: min(under+.24, .8), half: .68}, v, first, t) {
		return false
	}
	if p.hung {
		t.Why = OtherOutline
		return false
	}
	n := p.tears()
	if n < torn {
		return true
	}
	p.undo()
	t.Why, t.Mask = Torn, image.Rectangle{}
	return false
}

// lay paints the new mouth, by which the first of what was wanted was meant, and tells
// of it. It returns false where none of it would be seen.
func (s *stream) lay(p *paste, reg region, v *view, first wanted, t *Trace) bool {
	box := p.bounds()
	if box.Empty() {
		return false
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
	return true
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
