package openai

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"livedub/inference/recognize/whisper"
	"livedub/internal/remote"
)

// serve answers transcriptions with body, and returns a model of it.
func serve(t *testing.T, body string) *Model {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, head, err := r.FormFile("file")
		if err != nil || r.URL.Path != "/v1/audio/transcriptions" {
			t.Errorf("%s: %v", r.URL, err)
			return
		}
		b, _ := io.ReadAll(file)
		if r.FormValue("model") != "base" || r.FormValue("language") != "es" || r.FormValue("response_format") != "verbose_json" ||
			len(r.Form["timestamp_granularities[]"]) != 2 || !strings.HasSuffix(head.Filename, ".wav") || len(b) != 44+2*rate || string(b[:4]) != "RIFF" {
			t.Errorf("%v, %d bytes", r.Form, len(b))
		}
		_, _ = io.WriteString(w, body)
	}))
	m, err := New(Config{Base: s.URL + "/v1", Model: "base", Languages: []string{"es", "en"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); s.Close() })
	return m
}

var second = make([]float32, rate)

func TestDecode(t *testing.T) {
	m := serve(t, `{"text":" Hola, mundo.","language":"spanish","words":[{"word":"Hola,","start":0.1,"end":0.4},{"word":" mundo.","start":0.5,"end":1.1}],
		"segments":[{"no_speech_prob":0.1,"avg_logprob":-0.2},{"no_speech_prob":0.7,"avg_logprob":-0.4}]}`)
	r, err := m.Decode(t.Context(), second, whisper.Options{Lang: "es"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Text != "Hola, mundo." || len(r.Words) != 2 || r.Words[1].Text != "mundo." || r.Words[1].End != time.Second || r.NoSpeech != .7 || math.Abs(r.AvgLogProb+.3) > 1e-9 || r.Doubt() != "" {
		t.Errorf("%+v, doubt %q", r, r.Doubt())
	}
}

// TestWithoutTimes: a server that tells no word times gives words over the whole unit.
func TestWithoutTimes(t *testing.T) {
	r, err := serve(t, `{"text":"uno dos tres"}`).Decode(t.Context(), second, whisper.Options{Lang: "es"})
	if err != nil || len(r.Words) != 3 || r.Words[0].Start != 0 || r.Words[2].End != time.Second || r.Words[1].Start != r.Words[0].End {
		t.Errorf("%+v, %v", r.Words, err)
	}
	if r, err := serve(t, `{"text":""}`).Decode(t.Context(), second, whisper.Options{Lang: "es"}); err != nil || r.Doubt() == "" {
		t.Errorf("nothing said: %+v, %v", r, err)
	}
}

func TestBadAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"out of order":  `{"text":"a b","words":[{"word":"a","start":0.5,"end":0.6},{"word":"b","start":0.1,"end":0.2}]}`,
		"turned round":  `{"text":"a","words":[{"word":"a","start":0.5,"end":0.1}]}`,
		"outside":       `{"text":"a","words":[{"word":"a","start":0.5,"end":9}]}`,
		"before":        `{"text":"a","words":[{"word":"a","start":-1,"end":0.5}]}`,
		"far away":      `{"text":"a","words":[{"word":"a","start":1e300,"end":1e300}]}`,
		"a book":        `{"text":"` + strings.Repeat("a", 5000) + `"}`,
		"another shape": `{"text":5}`,
		"HTML":          `<html>`,
	} {
		if _, err := serve(t, body).Decode(t.Context(), second, whisper.Options{Lang: "es"}); !errors.Is(err, remote.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := serve(t, "")
	for _, n := range []int{0, 10, 31 * rate} {
		if _, err := m.Decode(t.Context(), make([]float32, n), whisper.Options{Lang: "es"}); err == nil {
			t.Errorf("%d samples were sent", n)
		}
	}
	m.Close()
	if _, err := m.Decode(t.Context(), second, whisper.Options{Lang: "es"}); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no model":     {Base: "http://a/v1", Languages: []string{"en"}},
		"no languages": {Base: "http://a/v1", Model: "m"},
		"no address":   {Model: "m", Languages: []string{"en"}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"text":"a b","words":[{"word":"a","start":0.1,"end":0.2},{"word":"b","start":0.3,"end":1.5}],"segments":[{"avg_logprob":-99}]}`), uint16(1000))
	f.Add([]byte(`{"text":"a b c"}`), uint16(3000))
	f.Fuzz(func(t *testing.T, body []byte, ms uint16) {
		var in transcription
		if json.Unmarshal(body, &in) != nil {
			return
		}
		length := time.Duration(ms) * time.Millisecond
		r, err := read(in, "es", length)
		if err != nil {
			return
		}
		last := time.Duration(0)
		for _, w := range r.Words {
			if w.Text == "" || w.Start < last || w.End > length || w.End < w.Start && w.Start < length {
				t.Errorf("%+v after %v in %v", w, last, length)
			}
			last = w.Start
		}
		if r.AvgLogProb < fromLog || math.IsNaN(r.AvgLogProb) || r.NoSpeech < 0 || r.NoSpeech > 1 {
			t.Errorf("%+v", r)
		}
	})
}
