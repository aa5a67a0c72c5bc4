package lips

import (
	"math"
	"slices"
	"testing"
	"time"

	"livedub/inference"
)

// TestDetailShare: a mouth is vague against others of its opening, not against all, and
// however sharp the camera is.
func TestDetailShare(t *testing.T) {
	usual := func(h float64) float64 { return 3 + 10*h } // parted lips have more edges
	for _, camera := range []float64{1, .2} {
		var of habits
		for i := range 200 {
			h := .15 + .15*math.Sin(float64(i)/5)
			of.see(shape{read: readings{h, .2 + h, h + .05}, width: .8}, camera*usual(h))
			if i == detailFrom/2 && of.detail.share(0, h) != 1 {
				t.Error("a mouth is vague before anything is known")
			}
		}
		for _, h := range []float64{0, .05, .1, .2, .28, .4} {
			d := camera * usual(min(h, .3))
			if got := of.detail.share(d, h); math.Abs(got-1) > .1 {
				t.Errorf("camera %g: a usual mouth open by %g has a share of %.2f", camera, h, got)
			}
			if got := of.detail.share(.6*d, h); math.Abs(got-.6) > .06 {
				t.Errorf("camera %g: a blurred mouth open by %g has a share of %.2f", camera, h, got)
			}
		}
	}
}

// TestVagueIsNotShown: the mouth that fits best is not shown if it is blurred; one is shown
// where all are.
func TestVagueIsNotShown(t *testing.T) {
	m, _ := keptOf(t, speaker(), 60)
	a := m.atlas
	v := viewNow(t, m)
	want := []wanted{{height: .15, width: .8}}
	var c chooser
	best, why := c.choose(v, want, time.Hour, nil)
	if best == nil {
		t.Fatal(why)
	}
	blur := func(all bool) {
		v.entries = slices.Clone(a.entries)
		for i, e := range v.entries {
			if all || e == best {
				n := *e
				n.detail *= .5
				v.entries[i] = &n
			}
		}
	}
	blur(false)
	c = chooser{}
	if e, _ := c.choose(v, want, time.Hour, nil); e == nil || e.at == best.at {
		t.Errorf("of %d mouths the blurred one was taken", len(v.entries))
	}
	blur(true)
	c = chooser{}
	if e, why := c.choose(v, want, time.Hour, nil); e == nil {
		t.Errorf("none is shown where all are blurred: %s", why)
	}
}

// TestReadDetail: a mouth that moved while the shutter was open has less detail, though the
// nose above it has all of its own.
func TestReadDetail(t *testing.T) {
	who := speaker()
	who.height = .15
	f := who.draw(picW, picH)
	defer f.Release()
	pic, p := frameOf(f), who.pose()
	s := shape{width: who.width, y: p.inFace(who.face(1).MouthLeft).Y}
	sharp, nose := readDetail(pic, p, s), sharpness(pic.y, p)
	x0, y0 := p.out(-.6, s.y-.3)
	x1, y1 := p.out(.6, s.y+.5)
	was := slices.Clone(f.Y)
	for y := int(y0); y < int(y1); y++ {
		for x := int(x0); x < int(x1); x++ {
			var sum int
			for k := -3; k <= 3; k++ {
				sum += int(was[(y+k)*f.YStride+x])
			}
			f.Y[y*f.YStride+x] = byte(sum / 7)
		}
	}
	if got := readDetail(pic, p, s); got > .7*sharp || sharp == 0 {
		t.Errorf("detail %.2f of a blurred mouth, %.2f of a sharp one", got, sharp)
	}
	if got := sharpness(pic.y, p); got < .95*nose {
		t.Errorf("the nose's sharpness fell from %.2f to %.2f", nose, got)
	}
}

// viewNow returns what m knows as it looks at its speaker once more.
func viewNow(t *testing.T, m *mouths) *view {
	t.Helper()
	who := speaker()
	who.height = .1
	f := who.draw(picW, picH)
	defer f.Release()
	f.PTS = m.last + tick
	k, err := m.Learn(t.Context(), f, []inference.Face{who.face(1)})
	if err != nil {
		t.Fatal(err)
	}
	return k.(*view)
}
