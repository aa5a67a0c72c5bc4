package main

import (
	"testing"

	"go.uber.org/goleak"

	"livedub/inference/recognize/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSpoken(t *testing.T) {
	for in, want := range map[string]string{"read(2)": "read", "i'm": "i'm", "<s>": "", "</s>": "", "<sil>": "", "[NOISE]": "", "++um++": "", "": "", "(2)": ""} {
		if got, ok := spoken(in); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
}

const dir = "/usr/share/pocketsphinx/model/en-us/"

// Whatever order a server asks in, it is refused or answered, and reset sets all right.
func TestOrder(t *testing.T) {
	d, err := newDecoder(dir+"en-us", dir+"en-us.lm.bin", dir+"cmudict-en-us.dict")
	if err != nil {
		t.Fatal(err)
	}
	l := wire.NewListener(d)
	ask := func(op wire.Op) error {
		_, err := l.Answer(t.Context(), op.Encode())
		return err
	}
	sound := wire.EncodeFeed(make([]int16, 16000))
	for name, bad := range map[string]func(){
		"feed before start": func() { l.Notice(sound) },
		"start twice":       func() { l.Notice(wire.OpStart.Encode()); l.Notice(wire.OpStart.Encode()) },
		"a request told":    func() { l.Notice(wire.OpEnd.Encode()) },
		"nonsense":          func() { l.Notice([]byte{77}) },
	} {
		bad()
		for _, op := range []wire.Op{wire.OpWords, wire.OpEnd} {
			if ask(op) == nil {
				t.Errorf("%s: op %d is answered", name, op)
			}
		}
		if err := ask(wire.OpReset); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, op := range []wire.Op{wire.OpWords, wire.OpEnd, wire.OpFeed, 77} {
		if ask(op) == nil {
			t.Errorf("op %d is answered outside of an utterance", op)
		}
	}
	for range 2 {
		l.Notice(wire.OpStart.Encode())
		l.Notice(sound)
		for _, op := range []wire.Op{wire.OpWords, wire.OpEnd} {
			if err := ask(op); err != nil {
				t.Errorf("op %d: %v", op, err)
			}
		}
	}
	if _, err := newDecoder(dir, dir, dir); err == nil {
		t.Error("a folder is taken for a model")
	}
}
