package lipseval

import (
	"context"
	"testing"

	"livedub/media"
)

// TestTaughtReadsWithoutColour: what was learned in colour is read in grey.
func TestTaughtReadsWithoutColour(t *testing.T) {
	faces := speak(24, 80)
	e := taught80(t)
	grey := func(f face) View {
		v := f.draw()
		for i := range v.Frame.U {
			v.Frame.U[i], v.Frame.V[i] = 128, 128
		}
		for i, y := range v.Frame.Y {
			v.Frame.Y[i] = 40 + y/2
		}
		return v
	}
	var known, other []View
	for _, f := range faces {
		known, other = append(known, f.draw()), append(other, grey(f))
	}
	taught, err := e.Taught(t.Context(), known, other)
	if err != nil {
		t.Fatal(err)
	}
	var truth, read, blind []float64
	for i, f := range faces {
		f.height += .01
		v := grey(f)
		truth, read, blind = append(truth, f.height), append(read, taught.Read(v).Height), append(blind, e.Read(v).Height)
		v.Frame.Release()
		known[i].Frame.Release()
		other[i].Frame.Release()
	}
	if c := Correlation(truth, read); c < .97 {
		t.Errorf("in grey heights are read with a correlation of %.3f", c)
	}
	if c := Correlation(truth, blind); c > .9 {
		t.Errorf("who was not taught reads grey with a correlation of %.3f: the test proves nothing", c)
	}
}

func TestTaughtSaysWhatIsWrong(t *testing.T) {
	e := taught80(t)
	v := face{eyes: 60, y: 1.15, width: .75}.draw()
	defer v.Frame.Release()
	if _, err := e.Taught(t.Context(), []View{v}, nil); err == nil {
		t.Error("taught by frames without pairs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Taught(ctx, []View{v}, []View{v}); err == nil {
		t.Error("taught on after the end")
	}
	if _, err := Learn(ctx, []View{v, v}); err == nil {
		t.Error("learned on after the end")
	}
}

// TestLearningEnds: a class that cannot be split, or has no samples, ends the split.
func TestLearningEnds(t *testing.T) {
	same := make([]feature, 50)
	for i := range same {
		same[i] = feature{.5, .5, .5}
	}
	one := newSums(1)
	for _, c := range same {
		one.add(0, c)
	}
	for _, samples := range [][]feature{nil, same[:1], same[:5], same} {
		if k := spread(nil, samples, 4); len(k) != 0 {
			t.Errorf("%d samples of no colour have %d", len(samples), len(k))
		}
		if k := spread(one.class(), samples, 4); len(k) < 1 || len(k) > 4 {
			t.Errorf("%d samples of one colour have %d", len(samples), len(k))
		}
	}
	if got := scarce(nil, same, redness); len(got) != fewest {
		t.Errorf("%d samples stand for none", len(got))
	}
	blank := media.NewFrame(faceW, faceH) // nobody at all
	defer blank.Release()
	v := View{blank, face{eyes: 60}.line()}
	e, err := Learn(t.Context(), []View{v, v, v})
	if err != nil {
		t.Fatal(err)
	}
	e.Read(v)
}

func TestTwins(t *testing.T) {
	a := face{eyes: 80, y: 1.15, width: .75, height: .15, teeth: true}
	b, other := a, a
	b.roll, b.x, b.y, b.eyes = .06, .02, 1.18, 78
	other.height, other.teeth = .02, false
	v, w, o := a.draw(), b.draw(), other.draw()
	defer v.Frame.Release()
	defer w.Frame.Release()
	defer o.Frame.Release()
	e := taught80(t)
	box := MouthBox(v, e.Read(v))
	about(t, "of itself", TwinSSIM(v, v, box), 1, .01)
	moved := TwinSSIM(v, w, box)
	if moved < .93 {
		t.Errorf("the same mouth elsewhere: %.3f", moved)
	}
	if s := TwinSSIM(v, o, box); s > moved-.1 {
		t.Errorf("another mouth: %.3f, the same elsewhere %.3f", s, moved)
	}
}
