package recognize

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/inference/recognize/realtime"
	"livedub/inference/recognize/realtime/realtimetest"
	"livedub/inference/recognize/whisper"
	"livedub/media/codec"
)

// openRealtime returns a recognizer of what a fake server says.
func openRealtime(t *testing.T, server *realtimetest.Server, langs ...inference.Lang) *Realtime {
	t.Helper()
	c, err := realtime.New(realtime.Config{Base: server.Base, Key: server.Key, Model: "live"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRealtime(RealtimeConfig{Client: c, Languages: langs, Resample: func() Resampler { return codec.NewResampler(realtime.Rate, 1) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func streamOf(t *testing.T, r inference.Recognizer, lang inference.Lang) inference.RecognizerStream {
	t.Helper()
	s, err := r.Open(t.Context(), inference.Listening{Lang: lang})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

const weather = "the weather is nice today"

// wholeSentence says the sentence of a unit of a second or more, its beginning of a shorter one.
func wholeSentence(_ string, pcm []int16) string {
	if len(pcm) < realtime.Rate {
		return "the weather"
	}
	return weather
}

func TestRealtimeConformance(t *testing.T) {
	t.Parallel()
	speech := join(silence(500*time.Millisecond), speak(t, "slt", weather), silence(700*time.Millisecond))
	for name, flat := range map[string]bool{"OpenAI's form": false, "the beta's form": true} {
		t.Run(name, func(t *testing.T) {
			server := realtimetest.New(t)
			server.Hear, server.Live, server.Flat = wholeSentence, true, flat
			inferencetest.TestRecognizer(t, func(t *testing.T) inference.Recognizer { return openRealtime(t, server, "en", "es") },
				samples(0, speech), strings.Fields(weather))
		})
	}
}

// TestRealtimeHears: words with times where the voice is, confidences, partial phrases; the server hears the same sound.
func TestRealtimeHears(t *testing.T) {
	t.Parallel()
	server := realtimetest.New(t)
	server.Live, server.LogProb = true, math.Log(.75)
	var mu sync.Mutex
	longest, loud := 0, 0.
	server.Hear = func(lang string, pcm []int16) string {
		mu.Lock()
		defer mu.Unlock()
		longest, loud = max(longest, len(pcm)), max(loud, power(pcm))
		return "uno dos tres"
	}
	speech := speak(t, "slt", weather)
	finals, partials := say(t, streamOf(t, openRealtime(t, server, "es"), "es"), join(silence(time.Second), speech, silence(time.Second)), time.Minute)
	if len(finals) != 1 || finals[0].Text != "uno dos tres" || finals[0].Lang != "es" || len(finals[0].Words) != 3 || math.Abs(finals[0].Words[1].Confidence-.75) > 1e-9 {
		t.Fatalf("%+v", finals)
	}
	from, to := time.Minute+time.Second, time.Minute+time.Second+samples(0, speech).Duration()
	if p := finals[0]; (p.Start-from).Abs() > 250*time.Millisecond || (p.End-to).Abs() > 250*time.Millisecond {
		t.Errorf("heard from %v to %v, said from %v to %v", p.Start, p.End, from, to)
	}
	if len(partials) == 0 || !strings.HasPrefix("uno dos tres", partials[0].Text) || partials[0].Words[0].Confidence != 0 {
		t.Errorf("%+v", partials)
	}
	mu.Lock()
	defer mu.Unlock()
	if d := time.Duration(longest) * time.Second / realtime.Rate; d < samples(0, speech).Duration() || d > samples(0, speech).Duration()+time.Second {
		t.Errorf("the server heard %v of %v", d, samples(0, speech).Duration())
	}
	if was := power(speech); loud < was/2 || loud > was*2 {
		t.Errorf("the server heard it with a power of %v, not %v", loud, was)
	}
}

// TestRealtimeIsNotBelieved: circles, guesses and lines from subtitles are left out and counted.
func TestRealtimeIsNotBelieved(t *testing.T) {
	t.Parallel()
	for text, logProb := range map[string]float64{
		"buenos días a todos": -2, "Subtítulos realizados por la comunidad de Amara.org": 0,
		"no lo voy a hacer, no lo voy a hacer, no lo voy a hacer": 0,
	} {
		server := realtimetest.New(t)
		server.LogProb, server.Hear = logProb, func(string, []int16) string { return text }
		r := openRealtime(t, server, "es")
		if finals, partials := say(t, streamOf(t, r, "es"), speak(t, "slt", weather), 0); len(finals)+len(partials) != 0 || r.Refused() != 1 {
			t.Errorf("%q: %d phrases, %d partial ones, %d refused", text, len(finals), len(partials), r.Refused())
		}
	}
}

// TestRealtimeConnects: a connection that ends between units is made anew; one that ends within is an error, and the next stream works.
func TestRealtimeConnects(t *testing.T) {
	t.Parallel()
	server := realtimetest.New(t)
	server.Hear = wholeSentence
	r := openRealtime(t, server, "es")
	s := streamOf(t, r, "es")
	speech := join(silence(time.Second), speak(t, "slt", weather), silence(time.Second))
	for i := range 3 {
		if finals, _ := say(t, s, speech, time.Duration(i)*time.Minute); len(finals) != 1 {
			t.Errorf("%d phrases", len(finals))
		}
		server.HangUp()
		eventually(t, "the connection's end", func() bool { return s.(*stream).dec.(*realtimeDecoder).session.Err() != nil })
	}
	if n := server.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
	half := speech[:len(speech)/2]
	if _, err := s.Write(t.Context(), samples(time.Hour, half)); err != nil {
		t.Fatal(err)
	}
	server.HangUp()
	eventually(t, "the connection's end", func() bool { return s.(*stream).dec.(*realtimeDecoder).session.Err() != nil })
	if _, err := s.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "hung up") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	if finals, _ := say(t, streamOf(t, r, "es"), speech, 0); len(finals) != 1 {
		t.Errorf("%d phrases of the next stream", len(finals))
	}
}

// TestRealtimeCancel: a server that says no end is waited for as long as ctx allows.
func TestRealtimeCancel(t *testing.T) {
	t.Parallel()
	server := realtimetest.New(t)
	server.Spoil = func(e map[string]any, send func(any)) {
		if e["type"] != "conversation.item.input_audio_transcription.completed" {
			send(e)
		}
	}
	s := streamOf(t, openRealtime(t, server, "es"), "es")
	if _, err := s.Write(t.Context(), samples(0, speak(t, "slt", weather))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestRealtimeConfig(t *testing.T) {
	for name, c := range map[string]RealtimeConfig{"no languages": {}, "a short unit": {Languages: []inference.Lang{"en"}, MaxUnit: time.Millisecond}} {
		client, err := realtime.New(realtime.Config{Base: "http://127.0.0.1:1/v1", Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		c.Client = client
		if _, err := NewRealtime(c); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := client.Open(t.Context(), "en"); err == nil || !strings.Contains(err.Error(), "closed") && !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnspacedScripts: where a script writes no spaces a character is a word, and a text has none.
func TestUnspacedScripts(t *testing.T) {
	words := []whisper.Word{{Text: "你", Joined: true}, {Text: "好，", Joined: true}, {Text: "世", Joined: true}, {Text: "界。", Joined: true}}
	got := whole(words)
	if len(got) != 4 || sentence(got) != "你好，世界。" {
		t.Errorf("%+v: %q", got, sentence(got))
	}
	for want, in := range map[string][]string{"uno dos": {"uno", "dos"}, "用 Go 写": {"用", "Go", "写"}, "「こ」に": {"「こ」", "に"}, "안녕 여러분": {"안녕", "여러분"}} {
		var ws []inference.Word
		for _, w := range in {
			ws = append(ws, inference.Word{Text: w})
		}
		if s := sentence(ws); s != want {
			t.Errorf("%v: %q, want %q", in, s, want)
		}
	}
	if got := whole([]whisper.Word{{Text: "se"}, {Text: "ñora", Joined: true}}); len(got) != 1 || got[0].Text != "señora" {
		t.Errorf("%+v", got)
	}
}
