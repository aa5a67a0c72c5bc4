package testspeaker

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// fixed is a speaker that says a tone, and where its phoneme stands.
type fixed struct{ rate int }

func (fixed) Languages() []inference.Lang { return []inference.Lang{"en"} }
func (fixed) Close() error                { return nil }
func (f fixed) Speak(_ context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	rate := f.rate
	if strings.HasPrefix(r.Text, "fast") {
		rate *= 2
	}
	if r.Text == "" {
		return inference.Speech{}, errors.New("no text")
	}
	s := media.Samples{Rate: rate, Channels: 1, Data: make([]int16, rate/2)}
	for i := range s.Data {
		s.Data[i] = int16(i % 100 * 100)
	}
	return inference.Speech{Sound: s, Marks: []inference.Mark{{IPA: "a", Viseme: inference.VisemeA, Dur: 500 * time.Millisecond}}}, nil
}

func TestSpeak(t *testing.T) {
	s, err := Speak(t.Context(), fixed{16000}, time.Second, "one", "two")
	if err != nil {
		t.Fatal(err)
	}
	if s.Sound.Duration() != 4*time.Second {
		t.Errorf("it lasts %v", s.Sound.Duration())
	}
	var at time.Duration
	var vowels []time.Duration
	for _, m := range s.Marks {
		if m.At != at {
			t.Errorf("a mark at %v follows one that ends at %v", m.At, at)
		}
		at = m.At + m.Dur
		if m.Viseme == inference.VisemeA {
			vowels = append(vowels, m.At)
		}
	}
	if at != 4*time.Second || len(vowels) != 2 || vowels[0] != time.Second || vowels[1] != 2500*time.Millisecond {
		t.Errorf("marks end at %v, vowels at %v", at, vowels)
	}
	for _, bad := range [][]string{{}, {""}, {"one", "fast two"}} {
		if _, err := Speak(t.Context(), fixed{16000}, 0, bad...); err == nil {
			t.Errorf("%q was said", bad)
		}
	}
}

func TestFlite(t *testing.T) {
	if len((Flite{}).Languages()) == 0 {
		t.Fatal("flite is not installed: make deps")
	}
	s, err := Speak(t.Context(), nil, 500*time.Millisecond, "My brother.")
	if err != nil {
		t.Fatal(err)
	}
	var seq []string
	for _, m := range s.Marks {
		if m.IPA != "" {
			seq = append(seq, m.IPA)
		}
	}
	if got := strings.Join(seq, " "); got != "m aɪ b ɹ ʌ ð ɝ" {
		t.Errorf("phonemes %q", got)
	}
	if _, err := (Flite{}).Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "hola"}); !errors.Is(err, inference.ErrUnsupported) {
		t.Errorf("Spanish: %v", err)
	}
}

func wav(channels, rate, bits uint16, data []byte) []byte {
	b := append([]byte("RIFF\x00\x00\x00\x00WAVE"), "LIST\x03\x00\x00\x00abc\x00"...)
	b = append(b, "fmt \x10\x00\x00\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = append(b, make([]byte, 6)...)
	b = binary.LittleEndian.AppendUint16(b, bits)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(len(data)))
	return append(b, data...)
}

func TestParseWAV(t *testing.T) {
	s, err := parseWAV(wav(2, 16000, 16, []byte{1, 0, 255, 255, 3, 0}))
	if err != nil || s.Rate != 16000 || s.Channels != 2 || len(s.Data) != 2 || s.Data[0] != 1 || s.Data[1] != -1 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, b := range [][]byte{nil, []byte("RIFF"), wav(0, 16000, 16, nil), wav(1, 16000, 8, nil), wav(1, 16, 16, nil)} {
		if _, err := parseWAV(b); err == nil {
			t.Errorf("%q was read", b)
		}
	}
}

func FuzzParseWAV(f *testing.F) {
	f.Add(wav(1, 16000, 16, []byte{1, 2, 3, 4}))
	f.Add(wav(1, 16000, 16, []byte{1, 2, 3, 4})[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseWAV(b); err == nil && (len(s.Data) > len(b) || len(s.Data)%s.Channels != 0) {
			t.Fatalf("%d samples of %d bytes", len(s.Data), len(b))
		}
	})
}

func FuzzPhones(f *testing.F) {
	f.Add("pau:0.174 g:0.273 uh:0.390 pau:1.8")
	f.Add("x:NaN y:-1 z:1e300 :")
	f.Fuzz(func(t *testing.T, s string) {
		var at time.Duration
		for _, m := range phones(s) {
			if m.At != at || m.Dur < 0 {
				t.Fatalf("%q: mark at %v for %v after %v", s, m.At, m.Dur, at)
			}
			at = m.At + m.Dur
		}
	})
}
