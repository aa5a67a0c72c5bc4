package lips

import (
	"image"
	"math"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// TestStrangerIsNotTakenForTheSpeaker shows two faces with like eyes but another nose.
func TestStrangerIsNotTakenForTheSpeaker(t *testing.T) {
	m, _ := open(t, Config{})
	talk(t, m, speaker(), 1, 40, 0)
	e := m.atlas.entries[0]
	nose := *e.nose
	for y := range gridH {
		for x := range gridW { // a broader one
			nose[y*gridW+x] = float32(e.nose.at(gridW/2+float64(x-gridW/2)*.6, float64(y)))
		}
	}
	if !m.atlas.knows(&e.like, e.nose) || m.atlas.knows(&e.like, &nose) {
		t.Error("the nose does not matter")
	}
}

// TestPosterIsNotTheSpeaker shows a face that talks beside a larger one that does not.
func TestPosterIsNotTheSpeaker(t *testing.T) {
	m, s := open(t, Config{})
	left, right := speaker(), speaker()
	left.x, left.eyes = 100, 50
	right.x, right.eyes, right.height = 290, 70, .12
	for i := range 60 {
		left.height = .13 + .13*math.Sin(float64(i)*.7)
		f, other := left.draw(picW, picH), right.draw(picW, picH)
		for y := range picH {
			copy(f.Y[y*picW+picW/2:(y+1)*picW], other.Y[y*picW+picW/2:])
		}
		for y := range picH / 2 {
			copy(f.U[y*picW/2+picW/4:(y+1)*picW/2], other.U[y*picW/2+picW/4:])
			copy(f.V[y*picW/2+picW/4:(y+1)*picW/2], other.V[y*picW/2+picW/4:])
		}
		other.Release()
		f.PTS = time.Duration(i) * tick
		before, faces := f.Clone(), []inference.Face{right.face(2), left.face(1)}
		k, err := m.Learn(t.Context(), f, faces)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Render(t.Context(), inference.LipsRequest{Frame: f, Faces: faces, Snapshot: k, Amount: 1, Step: tick, Mouth: []inference.MouthShape{{Open: .5, Wide: .5}}}); err != nil {
			t.Fatal(err)
		}
		if i > 25 {
			if got := k.(*view).face; got != 1 {
				t.Fatalf("frame %d: face %d", i, got)
			}
			sameOutside(t, before, f, image.Rect(0, 0, picW/2, picH))
		}
		before.Release()
		f.Release()
	}
}

// TestMouthCutByTheBorder holds that what the border cuts stays as it is.
func TestMouthCutByTheBorder(t *testing.T) {
	f := media.NewFrame(picW, picH)
	defer f.Release()
	for x, want := range map[float64]float64{200: 1, 50: 1, 36: 0, 25: 0, 380: 0} {
		d := speaker()
		d.x = x
		if got := whole(d.face(1), f); got != want {
			t.Errorf("a mouth at %v of %d: %v", x, picW, got)
		}
	}
}

// TestMouthsOfAnotherLight holds that no red lips come to a grey face.
func TestMouthsOfAnotherLight(t *testing.T) {
	m, _ := open(t, Config{})
	talk(t, m, speaker(), 1, 40, 0)
	d := speaker()
	f := d.draw(picW, picH)
	defer f.Release()
	l := readLight(frameOf(f), d.pose())
	if n := len(m.atlas.lit(l)); n != len(m.atlas.entries) {
		t.Errorf("%d of %d mouths in the light they were seen in", n, len(m.atlas.entries))
	}
	for i := range f.U {
		f.U[i], f.V[i] = 128, 128
	}
	grey := readLight(frameOf(f), d.pose())
	if n := len(m.atlas.lit(grey)); n != 0 {
		t.Errorf("%d mouths of another light", n)
	}
	for _, e := range m.atlas.entries[:5] {
		e.light = grey
	}
	if n := len(m.atlas.lit(grey)); n != 5 {
		t.Errorf("%d of 5 mouths of this light", n)
	}
}
