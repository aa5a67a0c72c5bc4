package lips

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"livedub/inference"
)

// keptOf returns the mouths of a drawn speaker.
func keptOf(t testing.TB, who drawn, frames int) (*mouths, []byte) {
	t.Helper()
	m, err := New(Config{}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		d := who
		d.height, d.width = .13+.13*math.Sin(float64(i)*.7), .8+.1*math.Sin(float64(i)*.31)
		f := d.draw(picW, picH)
		f.PTS = time.Second + time.Duration(i)*tick
		if _, err := m.Learn(t.Context(), f, []inference.Face{d.face(1)}); err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	b, err := m.(*mouths).Keep()
	if err != nil {
		t.Fatal(err)
	}
	return m.(*mouths), b
}

// TestKeepForm: what is kept is what was known: pictures to the bit, the rest nearly.
func TestKeepForm(t *testing.T) {
	m, b := keptOf(t, speaker(), 80)
	got, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	was := m.atlas
	if len(got.entries) != len(was.entries) || len(was.entries) < enough {
		t.Fatalf("%d mouths of %d", len(got.entries), len(was.entries))
	}
	for i, e := range got.entries {
		w := was.entries[i]
		if !bytes.Equal(e.pic.y.b, w.pic.y.b) || !bytes.Equal(e.pic.u.b, w.pic.u.b) || !bytes.Equal(e.pic.v.b, w.pic.v.b) {
			t.Errorf("mouth %d: another picture", i)
		}
		s, ws := e.shape, w.shape
		if math.Abs(s.upper-ws.upper) > .02 || math.Abs(s.lower-ws.lower) > .02 {
			t.Errorf("mouth %d: open from %.3f to %.3f, was from %.3f to %.3f", i, s.upper, s.lower, ws.upper, ws.lower)
		}
		s.upper, s.lower, ws.upper, ws.lower = 0, 0, 0, 0
		if s != ws || e.pose != w.pose || (e.at-w.at).Abs() > time.Microsecond || e.yaw != w.yaw || e.sharp != w.sharp || e.detail != w.detail || e.light != w.light || e.middle != w.middle ||
			e.pic.x0 != w.pic.x0 || e.pic.y0 != w.pic.y0 || e.pic.scale != w.pic.scale {
			t.Errorf("mouth %d: %+v, was %+v", i, *e, *w)
		}
		if d := e.unlike(w) + e.nose.unlike(w.nose) + 1 - min(e.like.like(&w.like)/w.like.like(&w.like), 1); d > 1e-5 || e.edge.near < w.edge.near-.001 {
			t.Errorf("mouth %d looks otherwise by %g; edge %v, was %v", i, d, e.edge.near, w.edge.near)
		}
	}
	h, wh := got.habits, was.habits
	if !reflect.DeepEqual(h.reads, wh.reads) || !reflect.DeepEqual(h.widths, wh.widths) || !reflect.DeepEqual(h.detail.seen, wh.detail.seen) || h.next != wh.next || math.Abs(h.widest-wh.widest) > .01 || math.Abs(h.resting-wh.resting) > .01 {
		t.Errorf("%+v, was %+v", h, wh)
	}
}

// TestKeepBound: of mouths whose pictures are too large together fewer are kept.
func TestKeepBound(t *testing.T) {
	m, _ := keptOf(t, speaker(), 80)
	noise := uint32(1)
	big := *m.atlas.entries[0]
	big.pic = frame{y: plane{make([]byte, 600*600), 600, 600, 600}, u: plane{make([]byte, 300*300), 300, 300, 300}, v: plane{make([]byte, 300*300), 300, 300, 300},
		x0: big.pic.x0, y0: big.pic.y0, scale: 1}
	for i := range big.pic.y.b {
		noise = noise*1664525 + 1013904223
		big.pic.y.b[i] = byte(noise >> 24)
	}
	m.atlas.entries = nil
	for range 40 {
		m.atlas.entries = append(m.atlas.entries, &big)
	}
	b, err := m.Keep()
	if err != nil || len(b) == 0 || len(b) > inference.MostKept {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if a, err := decode(b); err != nil || len(a.entries) < enough || len(a.entries) >= 40 {
		t.Errorf("%v, %v", a, err)
	}
}

// TestKeepNobody: who is hardly known has nothing to be kept.
func TestKeepNobody(t *testing.T) {
	if _, b := keptOf(t, speaker(), 3); b != nil {
		t.Errorf("%d bytes of three frames", len(b))
	}
	if _, b := keptOf(t, speaker(), 0); b != nil {
		t.Errorf("%d bytes of nobody", len(b))
	}
}

// TestWarmIsTheSamePerson: whose kept mouths are found goes on as the person that they were
// taken for until then, so that a phrase that is being dubbed keeps its mouth.
func TestWarmIsTheSamePerson(t *testing.T) {
	_, kept := keptOf(t, speaker(), 80)
	m, _ := open(t, Config{})
	m.met = 4 // others were met before
	if err := m.Take(kept); err != nil {
		t.Fatal(err)
	}
	var before inference.Person
	for i := range 2 * sameKept {
		who := speaker()
		who.height = .1
		f := who.draw(picW, picH)
		f.PTS = time.Second + time.Duration(i)*tick
		k, err := m.Learn(t.Context(), f, []inference.Face{who.face(1)})
		f.Release()
		if err != nil {
			t.Fatal(err)
		}
		v := k.(*view)
		if i == 0 {
			before = v.who
		}
		if warm := i >= sameKept-1; m.atlas.taken != warm || v.who != before || before != 5 || v.of(before) != v {
			t.Fatalf("frame %d: warm %v, person %d after %d", i, m.atlas.taken, v.who, before)
		}
	}
	if m.met != 5 || m.kept != nil {
		t.Errorf("%d people were met, want 5", m.met)
	}
}

// sealed gives hostile bytes a right sum, so that they are read.
func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

// TestTakeBad: bytes that are no mouths are refused with a reason.
func TestTakeBad(t *testing.T) {
	m, good := keptOf(t, speaker(), 80)
	body := good[:len(good)-sha256.Size]
	change := func(at int, with ...byte) []byte {
		b := bytes.Clone(body)
		copy(b[at:], with)
		return sealed(b)
	}
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"text":          []byte("hello"),
		"a flipped bit": append(append([]byte{}, good[:100]...), append([]byte{good[100] ^ 1}, good[101:]...)...),
		"cut":           sealed(body[:len(body)/2]),
		"longer":        sealed(append(bytes.Clone(body), 0)),
		"version":       change(7, 9),
		"model":         change(8, 1, 2, 3),
		"many reads":    change(16, 255, 255, 255, 255),
		"not a number":  change(20, binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.NaN()))...),
		"large":         make([]byte, inference.MostKept+1),
	} {
		if err := m.Take(b); !errors.Is(err, inference.ErrNotMouths) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTakeMutated reads mouths some of whose bytes were changed, below a right sum: they are
// refused, or can be kept again.
func TestTakeMutated(t *testing.T) {
	known, _ := keptOf(t, drawn{x: 60.3, y: 55.7, eyes: 36, width: .8, skin: 150}, 60)
	good, err := known.atlas.encode(enough)
	if err != nil {
		t.Fatal(err)
	}
	body := good[:len(good)-sha256.Size]
	random, refused := rand.New(rand.NewPCG(1, 2)), 0
	for range 300 {
		b := bytes.Clone(body)
		for range 1 + random.IntN(4) {
			b[random.IntN(len(b))] = []byte{0, 1, 127, 128, 255, byte(random.Uint32())}[random.IntN(6)]
		}
		a, err := decode(sealed(b[:len(b)-random.IntN(2)*random.IntN(len(b))]))
		if err != nil {
			refused++
			continue
		}
		if _, err := a.encode(len(a.entries)); err != nil {
			t.Error(err)
		}
	}
	if refused < 100 {
		t.Errorf("%d of 300 were refused", refused)
	}
}

// FuzzTake reads hostile bytes whose sum is right, and shows the mouths that they are.
func FuzzTake(f *testing.F) {
	who := drawn{x: 60.3, y: 55.7, eyes: 36, width: .8, height: .1, skin: 150}
	known, _ := keptOf(f, drawn{x: 60.3, y: 55.7, eyes: 36, width: .8, skin: 150}, 60)
	small, err := known.atlas.encode(enough)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small[:len(small)-sha256.Size])
	f.Add([]byte(keptMagic))
	pic := who.draw(120, 120)
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := decode(sealed(body))
		if err != nil {
			return
		}
		m, s := open(t, Config{})
		m.given.Store(a)
		m.receive()
		m.atlas, m.face, m.last = a, 1, time.Second
		k, err := m.Learn(t.Context(), pic, []inference.Face{who.face(1)})
		if err != nil {
			t.Fatal(err)
		}
		r := inference.LipsRequest{Frame: pic.Clone(), Snapshot: k, Mouth: []inference.MouthShape{{Open: .5}}, Amount: 1, Step: tick}
		defer r.Frame.Release()
		if _, err := s.Render(t.Context(), r); err != nil {
			t.Error(err)
		}
		if _, err := m.Keep(); err != nil {
			t.Error(err)
		}
	})
}

// TestFaceInOtherLight: a face is the same one in light from another side; another one is not.
func TestFaceInOtherLight(t *testing.T) {
	who := speaker()
	who.height = .1
	look := func(who drawn, slope float64) *face {
		f := who.draw(picW, picH)
		defer f.Release()
		for i := range f.Y {
			f.Y[i] = byte(float64(f.Y[i]) * (1 + slope*(float64(i%f.YStride)/picW-.5)))
		}
		p := frameOf(f)
		l := readLikeness(p, who.face(1))
		return faceOf(&l, readGrid(p, who.pose()))
	}
	known := []*face{look(who, 0)}
	for _, slope := range []float64{-.8, -.4, 0, .4, .8} {
		if !look(who, slope).among(known) {
			t.Errorf("in light that falls off by %v it is another face", slope)
		}
	}
	beside := who
	beside.x += 15 // no eyes and no nose are there
	f := who.draw(picW, picH)
	defer f.Release()
	l := readLikeness(frameOf(f), beside.face(1))
	if faceOf(&l, readGrid(frameOf(f), beside.pose())).among(known) {
		t.Error("something else is the same face")
	}
}

func BenchmarkKeep(b *testing.B) {
	m, _ := keptOf(b, speaker(), 80)
	for b.Loop() {
		if _, err := m.Keep(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	m, kept := keptOf(b, speaker(), 80)
	b.SetBytes(int64(len(kept)))
	for b.Loop() {
		if err := m.Take(kept); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecall(b *testing.B) {
	m, kept := keptOf(b, speaker(), 80)
	if err := m.Take(kept); err != nil {
		b.Fatal(err)
	}
	m.receive()
	stranger := *m.atlas.entries[0].nose
	for i := range stranger {
		stranger[i] = -stranger[i]
	}
	e := m.atlas.entries[0]
	for b.Loop() {
		m.like = 1 // compared in every frame
		m.recall(&e.like, &stranger)
	}
}
