package face

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func TestCascades(t *testing.T) {
	c, err := loadCascades()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.face.trees) != 468 || c.face.depth != 6 {
		t.Errorf("the face classifier has %d trees of depth %d", len(c.face.trees), c.face.depth)
	}
	for _, l := range []*localizer{c.eye, c.corner, c.nose, c.upperLip, c.lowerLip} {
		if len(l.stages) < 5 || len(l.stages[0]) != 20 || l.shrink < .5 {
			t.Errorf("a localizer has %d stages of %d trees, shrinking by %v", len(l.stages), len(l.stages[0]), l.shrink)
		}
	}
}

// words writes 32-bit words as cascade files have them.
func words(v ...any) []byte {
	var b bytes.Buffer
	for _, x := range v {
		if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// smallest of all valid files: one tree of one node.
func seeds() (classifier, localizer []byte) {
	return words(int32(3), int32(0), int32(1), int32(1), int32(0x01020304), float32(1), float32(2), float32(-1)),
		words(int32(1), float32(.7), int32(1), int32(1), int32(0x01020304), [4]float32{1, 2, 3, 4})
}

func TestParseRefuses(t *testing.T) {
	c, l := seeds()
	if _, err := parseClassifier(c); err != nil {
		t.Error(err)
	}
	if _, err := parseLocalizer(l); err != nil {
		t.Error(err)
	}
	for n := range c {
		if _, err := parseClassifier(c[:n]); !errors.Is(err, errCascade) {
			t.Errorf("a classifier of %d bytes: %v", n, err)
		}
	}
	for n := range l {
		if _, err := parseLocalizer(l[:n]); !errors.Is(err, errCascade) {
			t.Errorf("a localizer of %d bytes: %v", n, err)
		}
	}
	for i := range 4 { // huge counts, depths and factors
		for _, b := range [][]byte{c, l} {
			broken := bytes.Clone(b)
			copy(broken[4*i:], []byte{0xff, 0xff, 0xff, 0x7f})
			_, errC := parseClassifier(broken)
			_, errL := parseLocalizer(broken)
			if &b[0] == &c[0] && i >= 2 && errC == nil || &b[0] == &l[0] && errL == nil {
				t.Errorf("word %d broken: read all the same", i)
			}
		}
	}
	if _, err := parseClassifier(append(bytes.Clone(c), 0)); err == nil {
		t.Error("a byte too many: read all the same")
	}
	nan := bytes.Clone(l)
	copy(nan[len(nan)-4:], []byte{0, 0, 0xc0, 0x7f})
	if _, err := parseLocalizer(nan); err == nil {
		t.Error("a leaf that is no number: read all the same")
	}
}

func FuzzParse(f *testing.F) {
	c, l := seeds()
	f.Add(c)
	f.Add(l)
	g := &gray{w: 8, h: 8, pix: make([]byte, 64)}
	var w walker
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseClassifier(b); err == nil {
			c.score(g, 4, 4, 8)
		}
		if l, err := parseLocalizer(b); err == nil {
			w.locate(l, g, 4, 4, 8, false)
			w.locate(l, g, 4, 4, 8, true)
		}
	})
}
