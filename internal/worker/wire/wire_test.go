package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var some = []Message{
	{Kind: Hello, Body: []byte("what I can do")},
	{Kind: Request, ID: 1, Body: []byte{0, 255}},
	{Kind: Notice, ID: 2, Body: bytes.Repeat([]byte("sound"), 1<<19)},
	{Kind: Cancel, ID: 1<<32 - 1, Body: []byte{}},
}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	for _, m := range some {
		if err := Write(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range some {
		if got, err := Read(&b, 1<<22); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%v %d came back as %v %d, %v", m.Kind, m.ID, got.Kind, got.ID, err)
		}
	}
	if _, err := Read(&b, 1); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestBroken(t *testing.T) {
	whole := Append(nil, some[1])
	for n := 1; n < len(whole); n++ {
		if _, err := Read(bytes.NewReader(whole[:n]), 100); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	for name, frame := range map[string]string{
		"another version": "\x06\x00\x00\x00\x01\x02\x00\x00\x00\x00",
		"kind 0":          "\x06\x00\x00\x00\x02\x00\x00\x00\x00\x00",
		"kind 7":          "\x06\x00\x00\x00\x02\x07\x00\x00\x00\x00",
		"empty":           "\x00\x00\x00\x00",
		"no room for ID":  "\x05\x00\x00\x00\x02\x02\x00\x00\x00",
		"huge":            "\xff\xff\xff\xff\x02\x02\x00\x00\x00\x00",
		"over the limit":  "\x6b\x00\x00\x00\x02\x02\x00\x00\x00\x00" + strings.Repeat("a", 101),
		"text":            "Segmentation fault\n",
	} {
		if _, err := Read(strings.NewReader(frame), 100); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v, want ErrBroken", name, err)
		}
	}
}

// A length is believed only as far as bytes arrive.
func TestNoMemoryForWhatDoesNotCome(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Read(strings.NewReader("\xff\xff\xff\x3f\x02\x02\x00\x00\x00\x00short"), 1<<30); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("%d MB for a gigabyte that never comes", n>>20)
	}
}

func TestScanner(t *testing.T) {
	b := AppendPCM(append(AppendString([]byte{7, 1, 2, 1, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, "tʃ"), 9), []int16{-1, 300})
	s := Scan(b)
	if s.U8() != 7 || s.U16() != 0x201 || s.U32() != 0x80000001 || s.F64() != 1 || s.Str() != "tʃ" || s.U8() != 9 || s.Left() != 4 {
		t.Error("not what was written")
	}
	if pcm := s.PCM(2); !reflect.DeepEqual(pcm, []int16{-1, 300}) || s.End() != nil {
		t.Errorf("%v, %v", pcm, s.End())
	}
	if s.U8() != 0 || !s.Bad() || !errors.Is(s.End(), ErrBroken) {
		t.Error("a byte after the end is not missed")
	}
	if s := Scan([]byte{1, 2, 3}); s.U16() != 0x201 || s.End() == nil {
		t.Error("a byte too many is not seen")
	}
	if s := Scan([]byte{5, 0, 'a'}); s.Str() != "" || s.Take(-1) != nil || !s.Bad() {
		t.Error("a string that is not there is not missed")
	}
	if got := Scan(AppendString(nil, strings.Repeat("a", 70000))).Str(); len(got) != 65535 {
		t.Errorf("%d bytes of a string too long", len(got))
	}
}

// What can be read is written the same; nothing else is taken.
func FuzzRead(f *testing.F) {
	for _, m := range some {
		if len(m.Body) < 100 {
			f.Add(Append(nil, m))
		}
	}
	f.Add([]byte("\xff\xff\xff\xff\x02\x02\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		for {
			from := len(in) - r.Len()
			m, err := Read(r, 1<<16)
			if err != nil {
				return
			}
			if len(m.Body) > 1<<16 || !bytes.Equal(Append(nil, m), in[from:len(in)-r.Len()]) {
				t.Fatalf("%+v out of %x", m, in[from:])
			}
			s := Scan(m.Body)
			_, _, _, _, _, _ = s.Str(), s.U8(), s.PCM(s.U16()), s.F64(), s.U32(), s.End()
		}
	})
}
