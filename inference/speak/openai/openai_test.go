package openai

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/speak"
	"livedub/internal/remote"
	"livedub/media"
	"livedub/media/codec"
)

// speaking is a server whose voice is espeak-ng's, sent as answer makes of it.
func speaking(t *testing.T, answer func(s media.Samples) []byte) *Synthesizer {
	t.Helper()
	e, err := speak.NewEspeak(speak.Config{Worker: workerPath, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Model, Input, Voice string
			Format              string `json:"response_format"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/v1/audio/speech" || in.Model != "tts" || in.Format != "pcm" {
			t.Errorf("%s: %+v, %v", r.URL, in, err)
		}
		gender := inference.Male
		if in.Voice == "nova" {
			gender = inference.Female
		}
		s, err := e.Speak(r.Context(), inference.SpeechRequest{Lang: "es", Text: in.Input, Gender: gender})
		if err != nil {
			w.WriteHeader(400)
			return
		}
		w.Header().Set("Content-Type", "audio/pcm")
		_, _ = w.Write(answer(s.Sound))
	}))
	o, err := New(Config{Base: server.URL + "/v1", Model: "tts", Female: "nova", Male: "onyx", Languages: []inference.Lang{"es", "xx"}, Reference: e, Stretch: codec.Stretch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close(); server.Close(); e.Close() })
	return o
}

// at is a WAV file of another sample rate.
func at(s media.Samples, hz int) []byte {
	r := codec.NewResampler(hz, 1)
	defer r.Close()
	a, _ := r.Resample(s)
	b, _ := r.Flush()
	pcm := append(a.Data, b.Data...)
	return wavOf(samples(pcm), hz, 1, 2*len(pcm))
}

// pcm24 are bare samples at 24 kHz, as the protocol has them.
func pcm24(s media.Samples) []byte {
	r := codec.NewResampler(24000, 1)
	defer r.Close()
	a, _ := r.Resample(s)
	b, _ := r.Flush()
	return samples(append(a.Data, b.Data...))
}

func samples(pcm []int16) (out []byte) {
	for _, v := range pcm {
		out = binary.LittleEndian.AppendUint16(out, uint16(v))
	}
	return out
}

// wavOf is a WAV file with a length of data that need not be true.
func wavOf(data []byte, hz, channels, length int) []byte {
	b := append([]byte("RIFF\xff\xff\xff\xffWAVELIST\x05\x00\x00\x00hello\x00fmt \x10\x00\x00\x00\x01\x00"), byte(channels), 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(hz))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*channels*hz))
	b = append(b, byte(2*channels), 0, 16, 0)
	b = append(b, "data"...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(length)), data...)
}

func TestContract(t *testing.T) {
	inferencetest.TestSynthesizer(t, func(t *testing.T) inference.Synthesizer { return speaking(t, pcm24) }, "es", "El gobierno anunció nuevas medidas.")
}

// TestForms: bare samples and WAV files, of any rate, one channel or two, say the same.
func TestForms(t *testing.T) {
	for name, answer := range map[string]func(s media.Samples) []byte{
		"bare":                  pcm24,
		"WAV":                   func(s media.Samples) []byte { return wavOf(samples(s.Data), s.Rate, 1, 2*len(s.Data)) },
		"WAV that was streamed": func(s media.Samples) []byte { return wavOf(samples(s.Data), s.Rate, 1, 0xffffffff) },
		"WAV at 48 kHz":         func(s media.Samples) []byte { return at(s, 48000) },
		"WAV at 8 kHz":          func(s media.Samples) []byte { return at(s, 8000) },
		"stereo": func(s media.Samples) []byte {
			var both []int16
			for _, v := range s.Data {
				both = append(both, v, v)
			}
			return wavOf(samples(both), s.Rate, 2, 4*len(s.Data))
		},
	} {
		s, err := speaking(t, answer).Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "Buenos días, amigos.", Gender: inference.Female})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		inferencetest.Speech(t, s)
		if d := s.Sound.Duration().Seconds(); d < .8 || d > 2.5 || s.Voice != "openai nova" || len(s.Words) != 3 || len(s.Marks) < 12 {
			t.Errorf("%s: %.2f s by %s, %d words, %d marks", name, d, s.Voice, len(s.Words), len(s.Marks))
		}
	}
}

// TestBadSound: what is no speech of the text is refused.
func TestBadSound(t *testing.T) {
	for name, answer := range map[string]func(s media.Samples) []byte{
		"nothing":     func(media.Samples) []byte { return nil },
		"silence":     func(media.Samples) []byte { return make([]byte, 48000) },
		"two minutes": func(media.Samples) []byte { return make([]byte, 2*2*60*24000) },
		"far too long": func(s media.Samples) []byte {
			b := pcm24(s)
			return append(append(append(b, b...), b...), append(b, b...)...)
		},
		"a WAV of MP3": func(s media.Samples) []byte { b := wavOf(samples(s.Data), s.Rate, 1, 10); b[12+8+6+8] = 0x55; return b },
		"floats of NaN": func(s media.Samples) []byte {
			b := wavOf(bytes.Repeat([]byte{0, 0, 0xc0, 0x7f}, s.Rate), s.Rate, 1, 4*s.Rate)
			b[12+8+6+8], b[12+8+6+8+14] = 3, 32
			return b
		},
		"a rate of 1 Hz": func(s media.Samples) []byte { return wavOf(samples(s.Data), 1, 1, 2*len(s.Data)) },
		"ten times the text": func(s media.Samples) []byte {
			return wavOf(slices.Repeat(samples(s.Data), 10), s.Rate, 1, 20*len(s.Data))
		},
		"an empty WAV":  func(media.Samples) []byte { return []byte("RIFF\x00\x00\x00\x00WAVE") },
		"no data chunk": func(s media.Samples) []byte { return wavOf(nil, s.Rate, 1, 0)[:46] },
	} {
		if s, err := speaking(t, answer).Speak(t.Context(), inference.SpeechRequest{Lang: "es", Text: "Buenos días."}); !errors.Is(err, remote.ErrAnswer) {
			t.Errorf("%s: %v of speech, %v", name, s.Sound.Duration(), err)
		}
	}
}

func TestVoices(t *testing.T) {
	s := &Synthesizer{c: Config{Female: "nova", Male: "onyx"}}
	for want, r := range map[string]inference.SpeechRequest{"onyx": {Pitch: inference.Pitch{Median: 110}}, "nova": {Pitch: inference.Pitch{Median: 200}}} {
		if got := s.voice(r); got != want {
			t.Errorf("%v: %s", r.Pitch, got)
		}
	}
	if got := (&Synthesizer{c: Config{Female: "nova"}}).voice(inference.SpeechRequest{Gender: inference.Male}); got != "nova" {
		t.Errorf("the only voice is %s", got)
	}
}

func TestConfig(t *testing.T) {
	e, err := speak.NewEspeak(speak.Config{Worker: workerPath, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	good := Config{Base: "http://a/v1", Model: "tts", Female: "nova", Languages: []inference.Lang{"es"}, Reference: e}
	for name, spoil := range map[string]func(*Config){
		"no model": func(c *Config) { c.Model = "" }, "no voice": func(c *Config) { c.Female = "" },
		"no address": func(c *Config) { c.Base = "" }, "no language": func(c *Config) { c.Languages = []inference.Lang{"xx"} },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "openai: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(wavOf(make([]byte, 100), 24000, 1, 100))
	f.Add(wavOf(make([]byte, 100), 8000, 2, 0xffffffff))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		pcm, hz, err := read(b)
		if err == nil && (len(pcm) == 0 || hz < 8000 || hz > 192000 || media.SamplesToTime(len(pcm), hz) > time.Minute) {
			t.Errorf("%d samples at %d Hz", len(pcm), hz)
		}
		for _, v := range pcm {
			if v < -1 || v > 1 {
				t.Fatalf("a sample of %v", v)
			}
		}
	})
}
