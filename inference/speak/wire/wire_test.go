package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

var reply = Reply{
	Events: []Event{{Kind: Word, Len: 4}, {Kind: Phoneme, Sample: 2, IPA: "tʃ"}, {Kind: Phoneme, Sample: 3}},
	PCM:    []int16{1, -2, 32767, -32768},
}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	q := Request{Voice: "es+f3", Text: strings.Repeat("한", MaxText), Speed: 175, Pitch: 50, Range: 99}
	h := Hello{Rate: 22050, Voices: []Voice{{"es", "es"}, {"en-us", "gmw/en-US"}}}
	for _, err := range []error{WriteHello(&b, h), WriteRequest(&b, q), WriteReply(&b, reply)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ReadHello(&b); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("hello %+v, %v", got, err)
	}
	if got, err := ReadRequest(&b); err != nil || got != q {
		t.Errorf("request %+v, %v", got, err)
	}
	if got, err := ReadReply(&b); err != nil || !reflect.DeepEqual(got, reply) {
		t.Errorf("reply %+v, %v", got, err)
	}
	if _, err := ReadRequest(&b); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
	if err := WriteRequest(&b, Request{Text: strings.Repeat("a", MaxText+1)}); err == nil {
		t.Error("a text too long was sent")
	}
}

func TestBroken(t *testing.T) {
	var b bytes.Buffer
	if err := WriteReply(&b, reply); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for n := 1; n < len(whole); n++ {
		if _, err := ReadReply(bytes.NewReader(whole[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	for name, frame := range map[string][]byte{
		"version": {1, 0, 0, 0, Version + 1},
		"empty":   {0, 0, 0, 0},
		"huge":    {255, 255, 255, 255, Version},
		"hollow":  {1, 0, 0, 0, Version},
	} {
		if _, err := ReadReply(bytes.NewReader(frame)); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v, want ErrBroken", name, err)
		}
	}
	late := reply
	late.Events = []Event{{Kind: Word, Sample: 5}}
	b.Reset()
	if err := WriteReply(&b, late); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadReply(&b); !errors.Is(err, ErrBroken) {
		t.Errorf("an event after the sound: %v", err)
	}
}

// What can be read can be written and read again, the same.
func FuzzWire(f *testing.F) {
	var b bytes.Buffer
	_ = WriteReply(&b, reply)
	f.Add(bytes.Clone(b.Bytes()))
	b.Reset()
	_ = WriteRequest(&b, Request{Voice: "es", Text: "hola", Speed: 100})
	f.Add(bytes.Clone(b.Bytes()))
	b.Reset()
	_ = WriteHello(&b, Hello{Rate: 22050, Voices: []Voice{{"a", "b"}}})
	f.Add(bytes.Clone(b.Bytes()))
	f.Fuzz(func(t *testing.T, in []byte) {
		again := func(write func(w io.Writer) error, read func(r io.Reader) (any, error), v any) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if got, err := read(&b); err != nil || !reflect.DeepEqual(got, v) {
				t.Fatalf("%+v became %+v, %v", v, got, err)
			}
		}
		if p, err := ReadReply(bytes.NewReader(in)); err == nil {
			again(func(w io.Writer) error { return WriteReply(w, p) }, func(r io.Reader) (any, error) { return ReadReply(r) }, p)
		}
		if q, err := ReadRequest(bytes.NewReader(in)); err == nil {
			again(func(w io.Writer) error { return WriteRequest(w, q) }, func(r io.Reader) (any, error) { return ReadRequest(r) }, q)
		}
		if h, err := ReadHello(bytes.NewReader(in)); err == nil {
			again(func(w io.Writer) error { return WriteHello(w, h) }, func(r io.Reader) (any, error) { return ReadHello(r) }, h)
		}
	})
}
