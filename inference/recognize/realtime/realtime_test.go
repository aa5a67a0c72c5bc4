package realtime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"livedub/inference/recognize/realtime/realtimetest"
)

func client(t *testing.T, base, key string) *Client {
	t.Helper()
	c, err := New(Config{Base: base, Key: key, Model: "live"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func session(t *testing.T, c *Client) *Session {
	t.Helper()
	s, err := c.Open(t.Context(), "es")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// counts says how much it hears.
func counts(lang string, pcm []int16) string {
	return strings.TrimSpace(strings.Repeat(lang+" ", len(pcm)/2400))
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestUnits: text comes while a unit is spoken, and is whole at its end; one unit follows the other.
func TestUnits(t *testing.T) {
	for name, flat := range map[string]bool{"OpenAI's form": false, "the beta's form": true} {
		server := realtimetest.New(t)
		server.Key, server.Hear, server.Live, server.LogProb, server.Flat = "secret", counts, true, math.Log(.5), flat
		c := client(t, server.Base, "secret")
		s := session(t, c)
		for n := 3; n < 6; n++ {
			if err := s.Append(t.Context(), make([]int16, n*2400)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "text", func() bool { return s.Text() == counts("es", make([]int16, n*2400)) })
			h, err := s.Commit(t.Context())
			if err != nil || h.Text != counts("es", make([]int16, n*2400)) || len(h.Tokens) != n {
				t.Errorf("%s: %+v, %v", name, h, err)
			}
			if s.Text() != "" {
				t.Errorf("%s: the next unit begins with %q", name, s.Text())
			}
			mean, of := h.Confidences(strings.Fields(h.Text))
			if math.Abs(mean-math.Log(.5)) > 1e-9 || len(of) != n || math.Abs(of[n-1]-.5) > 1e-9 {
				t.Errorf("%s: %v, %v", name, mean, of)
			}
		}
		if err := s.Append(t.Context(), make([]int16, 1000)); err != nil {
			t.Error(err)
		}
		if err := s.Clear(t.Context()); err != nil { // too short to be committed
			t.Error(err)
		}
		if err := s.Append(t.Context(), make([]int16, 2400)); err != nil {
			t.Error(err)
		}
		if h, err := s.Commit(t.Context()); err != nil || h.Text != "es" {
			t.Errorf("%s: after a unit taken back: %+v, %v", name, h, err)
		}
		s.Close()
		if err := s.Append(t.Context(), make([]int16, 2400)); !errors.Is(err, errClosed) {
			t.Errorf("%s: a closed session: %v", name, err)
		}
		session(t, c).Close() // the server's form is known by now
		if n := server.Connections(); n != 2 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

// TestLeavesOutWhatIsRefused: a server or model that knows no probabilities, or only several languages, is asked without.
func TestLeavesOutWhatIsRefused(t *testing.T) {
	for refused, works := range map[string]bool{"logprobs": true, `"language"`: true, `"model"`: false} {
		server := realtimetest.New(t)
		server.Hear, server.Refuse = counts, refused
		c := client(t, server.Base, "")
		s, err := c.Open(t.Context(), "es")
		if (err == nil) != works {
			t.Fatalf("%s: %v", refused, err)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "unsupported") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", refused, err)
			}
			continue
		}
		if err := s.Append(t.Context(), make([]int16, 2400)); err != nil {
			t.Error(err)
		}
		if h, err := s.Commit(t.Context()); err != nil || h.Text != "es" {
			t.Errorf("%s: %+v, %v", refused, h, err)
		}
	}
}

// TestOddEvents: what comes late, twice, early, for other items or is unknown does no harm.
func TestOddEvents(t *testing.T) {
	server := realtimetest.New(t)
	server.Hear, server.Live = counts, true
	var late []any
	server.Spoil = func(e map[string]any, send func(any)) {
		kind, _ := e["type"].(string)
		send(map[string]any{"type": "rate_limits.updated", "rate_limits": []int{5}})
		switch kind {
		case "session.updated":
			send(map[string]any{"type": transcription + "segment", "item_id": "x"})
		case transcription + "delta":
			send(e)
			late = append(late, e)
			return
		case "input_audio_buffer.committed": // only after the text
			late = append(late, e)
			return
		case transcription + "completed":
			send(e)
			send(e)
			for _, l := range late {
				send(l)
			}
			late = late[max(0, len(late)-10):]
			return
		}
		send(e)
	}
	s := session(t, client(t, server.Base, ""))
	for range 20 {
		if err := s.Append(t.Context(), make([]int16, 2*2400)); err != nil {
			t.Fatal(err)
		}
		h, err := s.Commit(t.Context())
		if err != nil || h.Text != "es es" {
			t.Fatalf("%+v, %v", h, err)
		}
	}
}

// TestBadServers: whatever a server does in a unit, the error says so, soon, and nothing hangs.
func TestBadServers(t *testing.T) {
	on := func(kind string, do func(e map[string]any, send func(any))) func(map[string]any, func(any)) {
		return func(e map[string]any, send func(any)) {
			if e["type"] == kind {
				do(e, send)
			} else {
				send(e)
			}
		}
	}
	committed := "input_audio_buffer.committed"
	for name, c := range map[string]struct {
		spoil func(map[string]any, func(any))
		says  string
	}{
		"100 MB": {on(committed, func(_ map[string]any, send func(any)) {
			send([]byte(`{"type":"` + strings.Repeat("x", 100<<20) + `"}`))
		}), "larger than 256 KB"},
		"no JSON": {on(committed, func(_ map[string]any, send func(any)) { send([]byte("<html>")) }), "invalid character"},
		"another": {on(committed, func(_ map[string]any, send func(any)) { send([]int{1}) }), "cannot unmarshal"},
		"no type": {on(committed, func(_ map[string]any, send func(any)) { send(map[string]any{"a": 1}) }), "without a type"},
		"much text": {on(committed, func(e map[string]any, send func(any)) {
			send(map[string]any{"type": transcription + "delta", "delta": strings.Repeat("x", 5000)})
		}), "5000 bytes"},
		"more text": {on(committed, func(e map[string]any, send func(any)) { drip(send, 5000) }), "for one unit"},
		"fails":     {on(committed, func(e map[string]any, send func(any)) { fail(send, transcription+"failed", "no GPU\nhere") }), "the server says: no GPU here"},
		"complains": {on(committed, func(e map[string]any, send func(any)) { fail(send, "error", "session_expired") }), "session_expired"},
		"cuts": {on("session.updated", func(e map[string]any, send func(any)) {
			send(e)
			send(map[string]any{"type": committed, "item_id": "a"})
		}), "turn its detection of turns off"},
		"says alone": {on("session.updated", func(e map[string]any, send func(any)) {
			send(e)
			send(map[string]any{"type": transcription + "completed"})
		}), "turn its detection of turns off"},
	} {
		t.Run(name, func(t *testing.T) {
			server := realtimetest.New(t)
			server.Spoil = c.spoil
			s := session(t, client(t, server.Base, ""))
			defer s.Close()
			if strings.Contains(c.says, "turns off") { // before a unit's end
				eventually(t, "the session's end", func() bool { return s.Err() != nil })
			}
			err := s.Append(t.Context(), make([]int16, 2400))
			if err == nil {
				_, err = s.Commit(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
				t.Errorf("%v", err)
			}
		})
	}
}

func drip(send func(any), n int) {
	for range n {
		send(map[string]any{"type": transcription + "delta", "delta": "x"})
	}
}

func fail(send func(any), kind, text string) {
	send(map[string]any{"type": kind, "item_id": "item_0", "error": map[string]any{"message": text}})
}

// TestStalls: a server that says nothing more, or only drips, costs no more than ctx allows.
func TestStalls(t *testing.T) {
	for name, spoil := range map[string]func(map[string]any, func(any)){
		"says nothing":        func(map[string]any, func(any)) {},
		"begins, says no end": func(e map[string]any, send func(any)) { unless(e, send, "session.updated") },
		"hears, says no text": func(e map[string]any, send func(any)) { unless(e, send, transcription+"completed") },
		"drips": func(e map[string]any, send func(any)) {
			if e["type"] == transcription+"completed" {
				drip(send, 100)
				return
			}
			send(e)
		},
	} {
		server := realtimetest.New(t)
		server.Spoil = spoil
		c := client(t, server.Base, "")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		s, err := c.Open(ctx, "es")
		if err == nil {
			if err = s.Append(ctx, make([]int16, 2400)); err == nil {
				_, err = s.Commit(ctx)
			}
			s.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
	}
}

// TestDeaf: a server that takes no sound makes Append wait, for as long as ctx allows.
func TestDeaf(t *testing.T) {
	server := realtimetest.New(t)
	deaf := make(chan struct{})
	t.Cleanup(func() { close(deaf) }) // before the server waits for its connections
	server.Hear = func(string, []int16) string { <-deaf; return "" }
	s := session(t, client(t, server.Base, ""))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		err = s.Append(ctx, make([]int16, 10*Rate))
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func unless(e map[string]any, send func(any), kind string) {
	if e["type"] != kind {
		send(e)
	}
}

// TestHangsUp: a connection that ends is told at the next word, and a new one works.
func TestHangsUp(t *testing.T) {
	server := realtimetest.New(t)
	c := client(t, server.Base, "")
	s := session(t, c)
	if err := s.Append(t.Context(), make([]int16, 2400)); err != nil {
		t.Fatal(err)
	}
	server.HangUp()
	eventually(t, "the end", func() bool { return s.Err() != nil })
	_, err := s.Commit(t.Context())
	if err == nil || !strings.Contains(err.Error(), "hung up") {
		t.Errorf("%v", err)
	}
	s = session(t, c)
	if err := s.Append(t.Context(), make([]int16, 2400)); err != nil {
		t.Fatal(err)
	}
	if h, err := s.Commit(t.Context()); err != nil || h.Text != "hello" {
		t.Errorf("%+v, %v", h, err)
	}
	c.Close()
	if _, err := s.Commit(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("%v", err)
	}
	if _, err := c.Open(t.Context(), "es"); !errors.Is(err, errClosed) {
		t.Errorf("%v", err)
	}
}

func TestWrongKey(t *testing.T) {
	server := realtimetest.New(t)
	server.Key = "secret"
	if _, err := client(t, server.Base, "guess").Open(t.Context(), "es"); err == nil || !strings.Contains(err.Error(), "401 Unauthorized: wrong key") || strings.Contains(err.Error(), "guess") {
		t.Errorf("%v", err)
	}
	for _, c := range []Config{{Base: "http://a/v1"}, {Base: "a", Model: "m"}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestConfidences(t *testing.T) {
	tokens := []Token{{" Ho", math.Log(.8)}, {"la", math.Log(.4)}, {", mundo", 0}}
	for text, want := range map[string][]float64{
		"Hola, mundo": {(.8*2 + .4*2 + 1) / 5, 1},
		"Hola mundo":  {0, 0}, // not what the tokens say
	} {
		mean, of := Heard{Text: text, Tokens: tokens}.Confidences(strings.Fields(text))
		for i, v := range want {
			if math.Abs(of[i]-v) > 1e-9 {
				t.Errorf("%q: %v", text, of)
			}
		}
		if math.Abs(mean-math.Log(.32)/3) > 1e-9 {
			t.Errorf("%q: mean %v", text, mean)
		}
	}
}

// Whatever a server sends, in whatever order, what is taken of it is bounded and makes sense.
func FuzzEvents(f *testing.F) {
	f.Add(`{"type":"session.created","session":{"input_audio_transcription":null}}`, true)
	f.Add(`{"type":"`+transcription+`delta","item_id":"a","delta":"hi "}`+"\n"+`{"type":"input_audio_buffer.committed","item_id":"a"}`+"\n"+
		`{"type":"`+transcription+`completed","item_id":"a","transcript":"hi","logprobs":[{"token":"hi","logprob":-1e300}]}`, true)
	f.Add(`{"type":"error","error":{"message":"x\ny"}}`, false)
	f.Add(`{"type":"`+transcription+`failed","error":null}`, true)
	f.Fuzz(func(t *testing.T, lines string, committed bool) {
		s := newSession(nil, "host")
		s.unit.committed = committed
		for line := range strings.SplitSeq(lines, "\n") {
			e, err := parse([]byte(line))
			if err != nil {
				continue
			}
			_ = e.flat()
			if err := s.take(e); err != nil {
				if text := fmt.Sprint(err); len(text) > 400 || strings.Contains(text, "\n") {
					t.Fatalf("%q", text)
				}
				return
			}
		}
		if len(s.Text()) > maxText {
			t.Fatalf("%d bytes", len(s.Text()))
		}
		u := s.next()
		if u.final == nil {
			return
		}
		mean, of := u.final.Confidences(strings.Fields(u.final.Text))
		if len(u.final.Text) > maxText || !(mean <= 0 && mean >= fromLog-1e-9) {
			t.Fatalf("%d bytes, mean %v", len(u.final.Text), mean)
		}
		for _, p := range of {
			if !(p >= 0 && p <= 1+1e-9) {
				t.Fatalf("confidence %v", p)
			}
		}
	})
}
