package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/lips"
	"livedub/inference/lips/opening"
)

// TestTakenMouths: the mouth that was taken is what an eye has read in its frame, and
// what was added to it.
func TestTakenMouths(t *testing.T) {
	c, _, b := drawn(t)
	r := newLipsRun(b, c)
	for range c.frames {
		r.faces = append(r.faces, standFaces{}.Faces(0))
	}
	if err := r.learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.byEye = []float64{0, .1, .2}
	eyes, _ := r.eyesIn(0, 0)
	loop := time.Duration(len(c.frames)) * c.step()
	for _, tt := range []struct {
		trace lips.Trace
		want  float64
	}{
		{lips.Trace{Method: inference.Own, Source: 2 * c.step(), Eyes: eyes.Distance()}, .2},
		{lips.Trace{Method: inference.Own, Source: loop + c.step(), Eyes: eyes.Distance(), Opened: .05}, .15},
		{lips.Trace{Method: inference.Own, Source: c.step(), Eyes: eyes.Distance(), Opened: -.3}, 0},
		{lips.Trace{Method: inference.Warp, Eyes: eyes.Distance()}, math.NaN()},
	} {
		got, width := r.taken(tt.trace, eyes)
		if math.Abs(got-tt.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(tt.want) {
			t.Errorf("%+v: %.3f, want %.3f", tt.trace, got, tt.want)
		}
		if tt.trace.Method == inference.Own && (width < .3 || width > 1.5) {
			t.Errorf("%+v: %.3f wide", tt.trace, width)
		}
	}
}

// TestJudgeThatDoesNotKnow: an estimator that neither edges nor an eye agree with says
// so, and nothing is called missed by its word.
func TestJudgeThatDoesNotKnow(t *testing.T) {
	c, _, b := drawn(t)
	var heights, other []float64
	for i := range 100 {
		heights, other = append(heights, math.Sin(float64(i))), append(other, math.Cos(float64(i)))
	}
	for name, tt := range map[string]struct {
		edges, eye []float64
		want       string
	}{
		"edges agree":          {heights, nil, judgeSure},
		"edges do not":         {other, nil, judgeUnsure},
		"an eye does not":      {heights, other, judgeUnsure},
		"an eye agrees too":    {heights, heights, judgeSure},
		"nothing else is read": {make([]float64, 100), nil, judgeUnsure},
	} {
		r := newLipsRun(b, c)
		r.sourceHeight, r.sourceEdges, r.targetHeight, r.edges = heights, tt.edges, heights, tt.edges
		if tt.eye != nil { // from the first frame scored on, by the clip's frames
			r.byEye = make([]float64, len(c.frames))
			for i := range tt.eye {
				r.byEye[(r.firstScored()+i)%len(c.frames)] = tt.eye[i]
			}
		}
		var f lipsFigures
		if r.doubt(&f); f.Judge != tt.want {
			t.Errorf("%s: %s, edges %.2f, eye %.2f", name, f.Judge, f.EdgesAgreement, f.EyeAgreement)
		}
		f.HeightCorr, f.Reliability = 0, 1
		var table bytes.Buffer
		if err := printLips(&table, []lipsFigures{f}); err != nil {
			t.Fatal(err)
		}
		if asked := strings.Contains(table.String(), "0.000 ?"); asked != (tt.want == judgeUnsure) {
			t.Errorf("%s: %s", name, table.String())
		}
	}
}

// TestUnseenModels: the models that judge a clip parse, differ, and stand for clips by name.
func TestUnseenModels(t *testing.T) {
	one, err := unseenModel("x/grid__swiz3n.mpg")
	if err != nil {
		t.Fatal(err)
	}
	two, err := unseenModel("vr__1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(one.Bytes(), two.Bytes()) || bytes.Equal(one.Bytes(), opening.Learned.Bytes()) {
		t.Error("two clips have one model, or that which has seen both")
	}
	if m, err := unseenModel("nobody.mp4"); m != opening.Learned || err != nil {
		t.Errorf("a clip that nothing was learned from: %v", err)
	}
}
