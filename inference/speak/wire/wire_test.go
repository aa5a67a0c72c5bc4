package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

var reply = Reply{
	Events: []Event{{Kind: Word, Len: 4}, {Kind: Phoneme, Sample: 2, IPA: "tʃ"}, {Kind: Phoneme, Sample: 3}},
	PCM:    []int16{1, -2, 32767, -32768},
}

func TestRoundTrip(t *testing.T) {
	q := Request{Voice: "es+f3", Text: strings.Repeat("한", MaxText), Speed: 175, Pitch: 50, Range: 99}
	h := Hello{Rate: 22050, Voices: []Voice{{"es", "es"}, {"en-us", "gmw/en-US"}}}
	if got, err := DecodeHello(h.Encode()); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("hello %+v, %v", got, err)
	}
	b, err := q.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeRequest(b); err != nil || got != q {
		t.Errorf("request %+v, %v", got, err)
	}
	if got, err := DecodeReply(reply.Encode()); err != nil || !reflect.DeepEqual(got, reply) {
		t.Errorf("reply %+v, %v", got, err)
	}
	if _, err := (Request{Text: strings.Repeat("a", MaxText+1)}).Encode(); err == nil {
		t.Error("a text too long was sent")
	}
}

func TestBroken(t *testing.T) {
	whole := reply.Encode()
	for n := range whole {
		if _, err := DecodeReply(whole[:n]); !errors.Is(err, ErrBroken) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	if _, err := DecodeReply(append(whole, 0)); !errors.Is(err, ErrBroken) {
		t.Errorf("a byte too many: %v", err)
	}
	late := reply
	late.Events = []Event{{Kind: Word, Sample: 5}}
	if _, err := DecodeReply(late.Encode()); !errors.Is(err, ErrBroken) {
		t.Errorf("an event after the sound: %v", err)
	}
}

// What can be read can be written and read again, the same.
func FuzzWire(f *testing.F) {
	f.Add(reply.Encode())
	b, err := Request{Voice: "es", Text: "hola", Speed: 100}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(Hello{Rate: 22050, Voices: []Voice{{"a", "b"}}}.Encode())
	f.Fuzz(func(t *testing.T, in []byte) {
		if p, err := DecodeReply(in); err == nil {
			if got, err := DecodeReply(p.Encode()); err != nil || !reflect.DeepEqual(got, p) {
				t.Fatalf("%+v became %+v, %v", p, got, err)
			}
		}
		if q, err := DecodeRequest(in); err == nil {
			b, err := q.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := DecodeRequest(b); err != nil || got != q {
				t.Fatalf("%+v became %+v, %v", q, got, err)
			}
		}
		if h, err := DecodeHello(in); err == nil {
			if got, err := DecodeHello(h.Encode()); err != nil || !reflect.DeepEqual(got, h) {
				t.Fatalf("%+v became %+v, %v", h, got, err)
			}
		}
	})
}
