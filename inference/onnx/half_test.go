package onnx

import (
	"math"
	"testing"
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
