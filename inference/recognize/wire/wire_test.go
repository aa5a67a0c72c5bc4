package wire

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var heard = []Segment{{"good", 0, 12, .5}, {"morning", 12, 12, 1}}

func TestRoundTrip(t *testing.T) {
	for _, op := range []Op{OpReset, OpStart, OpWords, OpEnd, OpLang} {
		if got, pcm, err := Decode(op.Encode()); err != nil || got != op || pcm != nil {
			t.Errorf("%d became %d, %v, %v", op, got, pcm, err)
		}
	}
	sound := []int16{1, -1, math.MinInt16, math.MaxInt16}
	if op, pcm, err := Decode(EncodeFeed(sound)); err != nil || op != OpFeed || !slices.Equal(pcm, sound) {
		t.Errorf("%d, %v, %v", op, pcm, err)
	}
	if got, err := DecodeWords(EncodeWords(heard)); err != nil || !reflect.DeepEqual(got, heard) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBroken(t *testing.T) {
	for _, body := range [][]byte{nil, {0}, {9}, {byte(OpEnd), 1}, {byte(OpFeed), 1}, EncodeFeed(make([]int16, MaxFeed+1))} {
		if _, _, err := Decode(body); !errors.Is(err, ErrBroken) {
			t.Errorf("%d bytes are taken: %v", len(body), err)
		}
	}
	whole := EncodeWords(heard)
	for n := range whole {
		if _, err := DecodeWords(whole[:n]); !errors.Is(err, ErrBroken) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	for _, w := range []Segment{{"", 0, 1, 1}, {"a", 2, 1, 1}, {"a", 0, maxFrame + 1, 1}, {"a", 0, 1, 2}, {"a", 0, 1, math.NaN()}, {"a", -1, 1, 1}} {
		if got, err := DecodeWords(EncodeWords([]Segment{w})); !errors.Is(err, ErrBroken) {
			t.Errorf("%v is taken: %v, %v", w, got, err)
		}
	}
}

// What can be read can be written and read again, the same.
func FuzzWire(f *testing.F) {
	f.Add(EncodeWords(heard))
	f.Add(EncodeFeed([]int16{1, 2}))
	f.Add([]byte{255, 255, 255, 255, 1, 0, 'a'})
	f.Fuzz(func(t *testing.T, in []byte) {
		if op, pcm, err := Decode(in); err == nil {
			out := op.Encode()
			if op == OpFeed {
				out = EncodeFeed(pcm)
			}
			if !slices.Equal(out, in) {
				t.Fatalf("%x became %x", in, out)
			}
		}
		if w, err := DecodeWords(in); err == nil {
			if again, err := DecodeWords(EncodeWords(w)); err != nil || !reflect.DeepEqual(again, w) {
				t.Fatalf("%v became %v, %v", w, again, err)
			}
		}
	})
}
