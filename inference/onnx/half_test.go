package onnx

import (
	"math"
	"testing"

	"livedub/internal/testkit/groundtest"
)

// halfValue is the definition, by powers of two.
func halfValue(h uint16) float64 {
	sign := 1.0
	if h>>15 == 1 {
		sign = -1
	}
	exp, man := int(h>>10&31), float64(h&1023)
	switch {
	case exp == 31 && man != 0:
		return math.NaN()
	case exp == 31:
		return sign * math.Inf(1)
	case exp == 0:
		return sign * math.Ldexp(man, -24)
	}
	return sign * math.Ldexp(1024+man, exp-25)
}

func TestEveryHalf(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		var src [2]byte
		halves(src[:], []float32{0})
		src = [2]byte{byte(i), byte(i >> 8)}
		var f [1]float32
		floats(f[:], src[:])
		want := halfValue(h)
		if math.IsNaN(want) {
			if f[0] == f[0] {
				t.Fatalf("half %#04x is %v, want NaN", h, f[0])
			}
			if back := toHalf(f[0]); back&0x7c00 != 0x7c00 || back&0x3ff == 0 {
				t.Fatalf("NaN %#04x came back as %#04x", h, back)
			}
			continue
		}
		if float64(f[0]) != want || math.Signbit(float64(f[0])) != math.Signbit(want) {
			t.Fatalf("half %#04x is %v, want %v", h, f[0], want)
		}
		if back := toHalf(f[0]); back != h {
			t.Fatalf("%v (%#04x) came back as %#04x", f[0], h, back)
		}
	}
}

// Between two halves the nearer is taken, of two as near the even one.
func TestHalfRounding(t *testing.T) {
	for i := range 0x7c00 {
		lo, hi := halfValue(uint16(i)), halfValue(uint16(i+1))
		if math.IsInf(hi, 1) {
			hi = 65536
		}
		even := uint16(i + i&1)
		mid := float32((lo + hi) / 2) // exact: a half has 11 bits
		for _, c := range []struct {
			f    float32
			want uint16
		}{
			{mid, even},
			{math.Nextafter32(mid, 0), uint16(i)},
			{math.Nextafter32(mid, 1e9), uint16(i + 1)},
		} {
			if got := toHalf(c.f); got != c.want {
				t.Fatalf("%v between %#04x and %#04x became %#04x, want %#04x", c.f, i, i+1, got, c.want)
			}
			if got := toHalf(-c.f); got != c.want|0x8000 {
				t.Fatalf("%v became %#04x, want %#04x", -c.f, got, c.want|0x8000)
			}
		}
	}
	if toHalf(1e30) != 0x7c00 || toHalf(float32(math.Inf(-1))) != 0xfc00 || toHalf(1e-30) != 0 {
		t.Error("what a half cannot hold does not become infinite or zero")
	}
}

// TestFastHalves: the processor's instructions do what the definition does, at
// every length.
func TestFastHalves(t *testing.T) {
	if !fastHalves(make([]byte, 2), []float32{1}) {
		groundtest.Skip(t, "this processor has no instructions for halves")
	}
	var src []float32
	for i := range 0x7c01 {
		v := float32(halfValue(uint16(i)))
		src = append(src, v, -v, math.Nextafter32(v, 1e9), math.Nextafter32(v, -1e9), v*1.0002, v*1.0005)
	}
	src = append(src, 65519, 65520, 1e30, 1e-30, -1e-8, 2.9e-8, 3e-8, math.SmallestNonzeroFloat32)
	got := make([]byte, 2*len(src))
	if !fastHalves(got, src) {
		t.Fatal("no")
	}
	for i, v := range src {
		if h := uint16(got[2*i]) | uint16(got[2*i+1])<<8; h != toHalf(v) {
			t.Fatalf("%v becomes %#04x, want %#04x", v, h, toHalf(v))
		}
	}
	back := make([]float32, len(src))
	if !fastFloats(back, got) {
		t.Fatal("no")
	}
	for i, v := range back {
		if h := uint16(got[2*i]) | uint16(got[2*i+1])<<8; v != fromHalf()[h] {
			t.Fatalf("%#04x is %v, want %v", h, v, fromHalf()[h])
		}
	}
	for n := range 20 {
		dst := make([]byte, 2*n+2)
		halves(dst, src[6:6+n])
		for i := range n {
			if h := uint16(dst[2*i]) | uint16(dst[2*i+1])<<8; h != toHalf(src[6+i]) {
				t.Errorf("of %d numbers, that at %d becomes %#04x", n, i, h)
			}
		}
		if dst[2*n] != 0 || dst[2*n+1] != 0 {
			t.Errorf("%d numbers run over their end", n)
		}
	}
	nan := make([]byte, 2)
	halves(nan, []float32{float32(math.NaN())})
	if h := uint16(nan[0]) | uint16(nan[1])<<8; h&0x7c00 != 0x7c00 || h&0x3ff == 0 {
		t.Errorf("NaN becomes %#04x", h)
	}
	if fastHalves(make([]byte, 1), []float32{1}) || fastFloats(make([]float32, 1), make([]byte, 1)) || fastFloats(nil, nil) {
		t.Error("converted what there is no room for")
	}
}

func BenchmarkHalves(b *testing.B) {
	src := make([]float32, 1<<16)
	for i := range src {
		src[i] = float32(i) / 1000
	}
	dst := make([]byte, 2*len(src))
	b.SetBytes(int64(4 * len(src)))
	for b.Loop() {
		halves(dst, src)
		floats(src, dst)
	}
}
