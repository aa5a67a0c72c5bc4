package lips

import (
	"bytes"
	"math"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// readEdge returns the outline that is read in a drawn face.
func readEdge(d drawn, grey bool) *outline {
	f := d.draw(picW, picH)
	defer f.Release()
	if grey {
		for i := range f.U {
			f.U[i], f.V[i] = 128, 128
		}
	}
	face := d.face(1)
	p := poseOf(face)
	return readOutline(frameOf(f), p, measure(frameOf(f), p, face, &habits{reach: usualReach}))
}

func TestOutlineEndsAtTheCheek(t *testing.T) {
	for _, skin := range []byte{95, 150, 210} {
		for _, grey := range []bool{false, true} {
			if grey && skin < 100 {
				continue // as bright as what is behind it
			}
			for _, beard := range []bool{false, true} {
				for _, cheek := range []float64{.55, .65, .75} {
					if beard && cheek < .6 {
						continue // it ends where the beard does, which is as dark as what is behind it
					}
					d := speaker()
					d.skin, d.beard, d.cheek, d.width = skin, beard, cheek, .7
					o := readEdge(d, grey)
					if in, out := o.within(-cheek+.15, 0), o.within(-cheek-.03, 0); in < .85 || out > .1 {
						t.Errorf("skin %d, grey %v, beard %v, cheek at %.2f: %.2f before it, %.2f beyond", skin, grey, beard, cheek, in, out)
					}
					if in := o.within(.7, 0); in < 1 {
						t.Errorf("skin %d, grey %v, beard %v: the other cheek ends before .7", skin, grey, beard)
					}
				}
			}
		}
	}
}

// TestMouthsOfAFaceThatEnds shows mouths of a head that was turned, as the tracker
// did not tell, to a face that goes on where theirs ended, and the other way round.
func TestMouthsOfAFaceThatEnds(t *testing.T) {
	for name, cheeks := range map[string][2]float64{
		"patch ends in the lips": {.38, 0}, "patch ends beside them": {.5, 0}, "frame ends": {0, .55},
	} {
		var trace Trace
		m, s := open(t, Config{Trace: func(tr Trace) { trace = tr }})
		learned := speaker()
		learned.cheek = cheeks[0]
		talk(t, m, learned, 1, 60, 0)
		for i, open := range []float64{0, .4, .9} {
			who := speaker()
			who.height, who.width, who.cheek = .1, .75, cheeks[1]
			before := who.draw(picW, picH)
			for _, e := range m.atlas.entries { // as if it had not told on them
				e.light = readLight(frameOf(before), who.pose())
			}
			f, method := render(t, m, s, who, 1, 3*time.Second+time.Duration(i)*tick, 1, inference.MouthShape{Open: open, Wide: .1})
			if n := strangers(who, before, f); n > 30 {
				t.Errorf("%s, opening %v, %v %s: %d pixels of what is behind the head, or of skin there", name, open, method, trace.Why, n)
			}
			before.Release()
			f.Release()
		}
	}
}

// TestCornerHangsOverNoEdge shows wide mouths to a narrow one beside an edge of
// which the frame's outline tells nothing, as where a neck goes on behind a cheek.
func TestCornerHangsOverNoEdge(t *testing.T) {
	for cheek, want := range map[float64]Why{0: "", .4: OtherOutline} {
		var trace Trace
		m, s := open(t, Config{Trace: func(tr Trace) { trace = tr }})
		talk(t, m, speaker(), 1, 60, 0)
		who := speaker()
		who.height, who.width, who.cheek = .1, .5, cheek
		f := who.draw(picW, picH)
		for _, e := range m.atlas.entries {
			e.light = readLight(frameOf(f), who.pose())
		}
		f.PTS = 3 * time.Second
		k, err := m.Learn(t.Context(), f, []inference.Face{who.face(1)})
		if err != nil {
			t.Fatal(err)
		}
		v := *k.(*view)
		v.edge, v.trust = nil, 1 // nor does its strange look
		for _, e := range v.entries {
			e.nose = v.nose
		}
		before := who.draw(picW, picH)
		method, err := s.Render(t.Context(), inference.LipsRequest{Frame: f, Snapshot: &v, Amount: 1, Step: tick, Mouth: []inference.MouthShape{{Open: .5, Wide: .9}}})
		if err != nil || trace.Why != want || (method == inference.Own) != (want == "") {
			t.Errorf("cheek at %.2f: %v, %q, %v", cheek, method, trace.Why, err)
		}
		if n := strangers(who, before, f); n > 30 {
			t.Errorf("cheek at %.2f: %d pixels of skin behind the head", cheek, n)
		}
		before.Release()
		f.Release()
	}
}

// strangers counts pixels outside the lips that were skin and are as dark as
// what is behind the head, or were behind the head and are as bright as skin.
func strangers(d drawn, before, after *media.Frame) (n int) {
	p := d.pose()
	for y := .0; y < 1.2; y += .0125 {
		for x := -.95; x < .95; x += .0125 {
			if math.Abs(x) < .34 && math.Abs(y-mouthBelow) < .3 {
				continue
			}
			px, py := p.out(x, y)
			a, b := frameOf(before).luma(px, py), frameOf(after).luma(px, py)
			if a > 115 && b < 85 || a < 65 && b > 100 {
				n++
			}
		}
	}
	return n
}

// TestTearIsUndone plants hair, or cloth as bright as skin, into the cheeks of
// all known mouths, of which their outlines tell nothing.
func TestTearIsUndone(t *testing.T) {
	for _, planted := range []string{"", "hair", "cloth"} {
		var trace Trace
		m, s := open(t, Config{Trace: func(tr Trace) { trace = tr }})
		talk(t, m, speaker(), 1, 60, 0)
		for _, e := range m.atlas.entries {
			foreign := func(x, y float64) bool {
				x, y = e.pose.in(x+e.pic.x0, y+e.pic.y0)
				return x-e.shape.x < -.5+.2*(y-e.shape.y) && y > e.shape.y-.1
			}
			for i := range e.pic.y.b {
				if planted == "hair" && foreign(float64(i%e.pic.y.w), float64(i/e.pic.y.w)) {
					e.pic.y.b[i] = 30
				}
			}
			for i := range e.pic.u.b {
				if planted == "cloth" && foreign(2*float64(i%e.pic.u.w)+.5, 2*float64(i/e.pic.u.w)+.5) {
					e.pic.u.b[i], e.pic.v.b[i] = 150, 110
				}
			}
		}
		who := speaker()
		who.height, who.width = .1, .95
		before := who.draw(picW, picH)
		f, method := render(t, m, s, who, 1, 3*time.Second, 1, inference.MouthShape{Open: .5, Wide: .1})
		switch {
		case planted == "" && (method != inference.Own || trace.Why != ""):
			t.Errorf("nothing planted: %v, %q", method, trace.Why)
		case planted != "" && (method != inference.Warp || trace.Why != Torn || trace.Source != 0):
			t.Errorf("%s planted: %v, %q", planted, method, trace.Why)
		}
		if n := strangers(who, before, f); n > 30 {
			t.Errorf("planted %q: %d pixels of hair", planted, n)
		}
		before.Release()
		f.Release()
	}
}

// TestUndoGivesAllBack holds a frame that was pasted and undone against the one before.
func TestUndoGivesAllBack(t *testing.T) {
	m, s := open(t, Config{})
	k := talk(t, m, speaker(), 1, 60, 0).(*view)
	who := speaker()
	f, before := who.draw(picW, picH), who.draw(picW, picH)
	defer f.Release()
	defer before.Release()
	p := newPaste(inference.LipsRequest{Frame: f}, k, 1)
	p.layer = layer{pose: k.pose, sy: 1, warp: newWarp(k.shape, .2, k.shape.width)}
	p.drop = .1
	var trace Trace
	if !s.lay(p, region{above: .3, below: .5, half: .68}, k, wanted{}, &trace) || bytes.Equal(f.Y, before.Y) || bytes.Equal(f.U, before.U) {
		t.Fatal("nothing was laid")
	}
	p.undo()
	if !bytes.Equal(f.Y, before.Y) || !bytes.Equal(f.U, before.U) || !bytes.Equal(f.V, before.V) {
		t.Error("not all is as it was")
	}
}

// TestMouthsStayInTheirPose shows mouths to a head that turned: its own is warped.
func TestMouthsStayInTheirPose(t *testing.T) {
	var trace Trace
	m, s := open(t, Config{Trace: func(tr Trace) { trace = tr }})
	talk(t, m, speaker(), 1, 60, 0)
	for yaw, want := range map[float64]inference.LipsMethod{0: inference.Own, .2: inference.Own, .35: inference.Warp, -.4: inference.Warp, .9: inference.Untouched} {
		who := speaker()
		who.height, who.yaw = .1, yaw
		var method inference.LipsMethod
		for i := range 4 { // trust comes and goes within some frames
			var f *media.Frame
			f, method = render(t, m, s, who, 1, 3*time.Second+time.Duration(i)*tick, 1, inference.MouthShape{Open: .5, Wide: .5})
			f.Release()
		}
		why := map[inference.LipsMethod]Why{inference.Own: "", inference.Warp: OtherPose, inference.Untouched: NoFace}[want]
		if method != want || trace.Why != why {
			t.Errorf("yaw %.2f: %v, %q, want %v, %q", yaw, method, trace.Why, want, why)
		}
	}
	for _, e := range m.atlas.entries { // a tracker that is lost
		for i := range e.nose {
			e.nose[i] = float32(i*7919%13)/6 - 1
		}
	}
	who := speaker()
	who.height = .1
	before := who.draw(picW, picH)
	defer before.Release()
	for i := range 4 {
		f, method := render(t, m, s, who, 1, 4*time.Second+time.Duration(i)*tick, 1, inference.MouthShape{Open: .5, Wide: .5})
		if i == 3 && (method != inference.Untouched || trace.Why != OtherPose || !bytes.Equal(f.Y, before.Y)) {
			t.Errorf("noses that are unlike: %v, %q", method, trace.Why)
		}
		f.Release()
	}
}
