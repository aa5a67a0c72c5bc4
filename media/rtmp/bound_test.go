package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

// chunk is one chunk with a whole header.
func chunk(stream, kind byte, length int, body []byte) []byte {
	return append([]byte{stream, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), kind, 0, 0, 0, 0}, body...)
}

func sizeOf(n uint32) []byte {
	return chunk(2, typeChunkSize, 4, binary.BigEndian.AppendUint32(nil, n))
}

// shaken is the handshake and what follows.
func shaken(then ...[]byte) []byte {
	out := make([]byte, handshake)
	out[0] = 3
	for _, b := range then {
		out = append(out, b...)
	}
	return out
}

func TestBoundPasses(t *testing.T) {
	in := shaken(
		chunk(3, 20, 10, []byte("0123456789")),
		sizeOf(4096),
		chunk(6, typeVideo, 5000, make([]byte, 4096)), []byte{0xc6}, make([]byte, 904),
		[]byte{0x46, 0, 0, 40, 0, 0, 3, typeVideo, 1, 2, 3}, []byte{0x86, 0, 0, 40, 4, 5, 6}, []byte{0xc6, 7, 8, 9},
		[]byte{0x04, 0xff, 0xff, 0xff, 0, 0, 1, typeAudio, 0, 0, 0, 0, 1, 0, 0, 0, 42},
		[]byte{0xc4, 1, 0, 0, 0, 43},
		chunk(7, typeVideo, 9000, make([]byte, 4096)), chunk(2, typeAbort, 4, []byte{0, 0, 0, 7}),
		chunk(7, typeVideo, 3, []byte{1, 2, 3}),
	)
	b := newBound(bytes.NewReader(in))
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, in) {
		t.Errorf("%d of %d bytes, %v", len(got), len(in), err)
	}
	if b.held != 0 {
		t.Errorf("%d bytes held", b.held)
	}
}

func TestBoundRefuses(t *testing.T) {
	unfinished := shaken(sizeOf(mostChunk))
	for stream := range byte(40) {
		unfinished = append(unfinished, chunk(stream+3, typeVideo, mostVideo, nil)...)
	}
	many := shaken(sizeOf(1 << 20))
	for stream := range byte(17) {
		many = append(many, chunk(stream+3, typeVideo, mostVideo, make([]byte, 1<<20))...)
	}
	for name, in := range map[string][]byte{
		"HTTP":                 []byte("POST /live HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"encrypted handshake":  {6, 0, 0, 0},
		"chunks of 2^31":       shaken(sizeOf(1 << 31)),
		"chunks of nothing":    shaken(sizeOf(0)),
		"chunks of one":        shaken(sizeOf(1)),
		"a size of 3 bytes":    shaken(chunk(2, typeChunkSize, 3, []byte{0, 1, 0})),
		"a command of 16 MB":   shaken(chunk(3, 20, 1<<24-1, nil)),
		"sound of 16 MB":       shaken(chunk(3, typeAudio, 1<<24-1, nil)),
		"frames of 16 MB":      shaken(chunk(3, typeVideo, 1<<24-1, nil)),
		"a ping of 1 kB":       shaken(chunk(2, 4, 1000, nil)),
		"stream 64":            shaken([]byte{0x00, 0, 0, 0, 0}),
		"follows none":         shaken([]byte{0xc5, 0}),
		"a message in another": shaken(chunk(5, typeVideo, 1000, make([]byte, 128)), chunk(5, typeVideo, 3, []byte{1, 2, 3})),
		"too much unfinished":  many,
	} {
		b := newBound(bytes.NewReader(in))
		b.unbounded()
		if _, err := io.ReadAll(b); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := newBound(bytes.NewReader(unfinished)) // which promises 320 MB, and is cut off at the first
	b.unbounded()
	if _, err := io.ReadAll(b); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
	if b.held > mostUnfinish {
		t.Errorf("%d bytes held", b.held)
	}
	early := newBound(bytes.NewReader(shaken(sizeOf(mostChunk), chunk(3, typeVideo, mostVideo, make([]byte, mostVideo)))))
	if _, err := io.ReadAll(early); !errors.Is(err, ErrProtocol) {
		t.Errorf("8 MB before anything is published: %v", err)
	}
}

// FuzzBound: the reader behind takes chunks apart as bound does, and so never has to hold more.
func FuzzBound(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add(shaken(sizeOf(4096), chunk(6, typeVideo, 5000, make([]byte, 4096)))[handshake:], uint8(3))
	f.Add([]byte{0x04, 0xff, 0xff, 0xff, 0, 0, 1, typeAudio, 0, 0, 0, 0, 1, 0, 0, 0, 42, 0xc4, 1, 0, 0, 0, 43}, uint8(7))
	f.Add(append(chunk(7, typeVideo, 900, make([]byte, 128)), chunk(2, typeAbort, 4, []byte{0, 0, 0, 7})...), uint8(255))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		b := newBound(bytes.NewReader(shaken(in)))
		if _, err := io.ReadFull(b, make([]byte, handshake)); err != nil {
			t.Fatal(err)
		}
		r := rawmessage.NewReader(pieces{b, int(step) + 1}, bytecounter.NewReader(nil), func(uint32) error { return nil })
		for {
			m, err := r.Read()
			if err != nil {
				return
			}
			if len(m.Body) > mostOf(m.Type) {
				t.Fatalf("%d bytes of type %d", len(m.Body), m.Type)
			}
			switch m.Type {
			case typeChunkSize:
				if err := r.SetChunkSize(binary.BigEndian.Uint32(m.Body)); err != nil {
					t.Fatal(err)
				}
			case typeAbort:
				r.AbortChunkStream(binary.BigEndian.Uint32(m.Body))
			}
		}
	})
}

// pieces reads a few bytes at a time.
type pieces struct {
	io.Reader
	most int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.most)]) }

func FuzzName(f *testing.F) {
	f.Add("live", "talk?from=en&to=es,ca")
	f.Add("live/talk?from=en", "")
	f.Add("live?from=en", "talk?to=es")
	f.Fuzz(func(t *testing.T, app, stream string) {
		a, err := parse(app, stream)
		if err == nil && (a.Query == nil || len(a.App)+len(a.Name) > mostName) {
			t.Errorf("%q %q: %+v", app, stream, a)
		}
	})
}

func TestName(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"live", "talk?from=en&to=es,ca"}:           "live talk from=en&to=es%2Cca",
		{"live/", "/talk"}:                          "live talk ",
		{"live?from=en&to=es", "talk"}:              "live talk from=en&to=es",
		{"live?from=en", "talk?from=de"}:            "live talk from=de",
		{"live/talk?from=en", ""}:                   "live talk from=en",
		{"live/talk", ""}:                           "live talk ",
		{"app", "a/b"}:                              "app a/b ",
		{"live", "talk~p.x.y"}:                      "live talk~p.x.y ",
		{"live", "a%20b"}:                           "live a b ",
		{"", ""}:                                    "  ",
		{"live", "a%zz"}:                            "error",
		{"live", "a?b=%zz"}:                         "error",
		{"live", string(make([]byte, mostName+10))}: "error",
	} {
		a, err := parse(in[0], in[1])
		got := a.App + " " + a.Name + " " + a.Query.Encode()
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}
