package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// source is a session's events, and whether somebody listens.
type source struct {
	events    chan signaling.Event
	listening atomic.Int32
	since     signaling.Since // of the last who came
}

func listenTo(d *signalingtest.Desk) *source {
	s := &source{events: make(chan signaling.Event, 16)}
	d.EventsFunc = func(id string, since signaling.Since) (signaling.Events, error) {
		if _, err := d.Get(id); err != nil {
			return nil, err
		}
		s.listening.Add(1)
		s.since = since
		return signalingtest.Events{C: s.events, Closed: func() { s.listening.Add(-1) }}, nil
	}
	return s
}

// talkEvents is where the events of the session "talk" are, for who may watch.
func talkEvents() string {
	return "http://localhost/v1/sessions/talk~" + signalingtest.Token("talk", access.Watch, "") + "/events"
}

// follow opens the stream and returns its lines.
func (r *rig) follow(ctx context.Context) (*http.Response, *bufio.Scanner) {
	r.Helper()
	resp := r.Start(r.Request("GET", "/v1/sessions/talk/events", "").WithContext(ctx))
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		r.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	return resp, bufio.NewScanner(resp.Body)
}

// until reads to the line wanted and returns the lines before it, comments apart.
func (r *rig) until(s *bufio.Scanner, want string) []string {
	r.Helper()
	var before []string
	for s.Scan() {
		if s.Text() == want {
			return before
		}
		if s.Text() != "" && !strings.HasPrefix(s.Text(), ":") {
			before = append(before, s.Text())
		}
	}
	r.Fatalf("the stream ended without %q: %q", want, before)
	return nil
}

func TestEvents(t *testing.T) {
	r := open(t)
	src := listenTo(r.Desk)
	resp, lines := r.follow(t.Context())
	defer resp.Body.Close()
	src.events <- signaling.Event{Caption: &signaling.Caption{
		Lang: "es", ID: 3, Text: "hola,\n\"mundo\"\r\ndata: x", Final: true, Start: 1500 * time.Millisecond, End: 2 * time.Second}}
	src.events <- signaling.Event{Caption: &signaling.Caption{Lang: "en", ID: 3, Text: "hello world", Final: true, End: 2 * time.Second, Words: []inference.Word{
		{Text: "hello", End: time.Second, Confidence: .91234}, {Text: "world", Start: time.Second, End: 2 * time.Second},
	}}}
	src.events <- signaling.Event{Caption: &signaling.Caption{Lang: "en", ID: 4, Text: "hello", Final: true, Words: []inference.Word{{Text: "hello"}}}} // how sure is not told
	src.events <- signaling.Event{}                                                                                                                     // of a kind yet to come
	src.events <- signaling.Event{Ladder: &signaling.LadderChange{Lang: "es", Level: "captions", Why: "no voice", At: time.Second}}
	r.until(lines, "event: caption")
	r.until(lines, `data: {"lang":"es","id":3,"text":"hola,\n\"mundo\"\r\ndata: x","final":true,"start":1.5,"end":2}`)
	r.until(lines, "event: caption")
	r.until(lines, `data: {"lang":"en","id":3,"text":"hello world","final":true,"start":0,"end":2,"words":[{"text":"hello","start":0,"end":1,"confidence":0.912},{"text":"world","start":1,"end":2,"confidence":0}]}`)
	r.until(lines, "event: caption")
	r.until(lines, `data: {"lang":"en","id":4,"text":"hello","final":true,"start":0,"end":0}`)
	if extra := r.until(lines, "event: ladder"); len(extra) != 0 {
		t.Errorf("between the events: %q", extra)
	}
	r.until(lines, `data: {"lang":"es","level":"captions","why":"no voice","at":1}`)
	r.until(lines, ": still here")
	close(src.events)
	r.until(lines, "event: end")
	r.until(lines, `data: {"reason":"the session has ended"}`)
	if lines.Scan() && lines.Text() != "" || lines.Scan() {
		t.Errorf("after the end: %q", lines.Text())
	}
	r.Eventually("nobody listens", func() bool { return src.listening.Load() == 0 })
}

func TestEventsOfNoSession(t *testing.T) {
	r := open(t)
	listenTo(r.Desk)
	if status, got, _ := r.do("GET", "/v1/sessions/nobody/events", ""); status != 404 || got["hint"] == nil {
		t.Errorf("%d %v", status, got)
	}
	for range maxStreams {
		if err := r.endpoint.gate.Enter(); err != nil {
			t.Fatalf("a refused stream is still counted: %v", err)
		}
		defer r.endpoint.gate.Leave()
	}
}

func TestEventsOfAClientWhoVanishes(t *testing.T) {
	r := open(t)
	src := listenTo(r.Desk)
	ctx, vanish := context.WithCancel(t.Context())
	resp, lines := r.follow(ctx)
	defer resp.Body.Close()
	r.until(lines, "retry: 1000")
	if src.listening.Load() != 1 {
		t.Fatal("not listening")
	}
	vanish()
	r.Eventually("nobody listens", func() bool { return src.listening.Load() == 0 })
}

func TestCloseEndsEvents(t *testing.T) {
	r := open(t)
	src := listenTo(r.Desk)
	resp, lines := r.follow(t.Context())
	defer resp.Body.Close()
	r.endpoint.Close()
	if src.listening.Load() != 0 {
		t.Error("Close did not wait for the stream")
	}
	r.until(lines, "event: end")
	r.until(lines, `data: {"reason":"the server is shutting down"}`)
	if status, _, _ := r.do("GET", "/v1/sessions/talk/events", ""); status != 503 {
		t.Errorf("after Close: %d", status)
	}
}

// mute is a client that takes nothing once it has the headers.
type mute struct {
	http.ResponseWriter
	deadline time.Time
}

func (m *mute) SetWriteDeadline(t time.Time) error { m.deadline = t; return nil }
func (m *mute) Write([]byte) (int, error) {
	time.Sleep(time.Until(m.deadline))
	return 0, context.DeadlineExceeded
}

func TestEventsOfAClientWhoTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := signalingtest.NewDesk("talk")
		src := listenTo(d)
		endpoint := New(Config{Sessions: d})
		mux := http.NewServeMux()
		endpoint.Register(mux)
		start := time.Now()
		signalingtest.Access().Guard(mux).ServeHTTP(&mute{ResponseWriter: httptest.NewRecorder()}, httptest.NewRequest("GET", talkEvents(), nil))
		if took := time.Since(start); took != writeTime || src.listening.Load() != 0 {
			t.Errorf("cut off after %s, %d listen", took, src.listening.Load())
		}
		endpoint.Close()
	})
}

func TestHeartbeatEvery15Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := signalingtest.NewDesk("talk")
		listenTo(d)
		endpoint := New(Config{Sessions: d})
		mux := http.NewServeMux()
		endpoint.Register(mux)
		ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		signalingtest.Access().Guard(mux).ServeHTTP(w, httptest.NewRequest("GET", talkEvents(), nil).WithContext(ctx))
		if n := strings.Count(w.Body.String(), ": still here"); n != 4 {
			t.Errorf("%d heartbeats in a minute", n)
		}
		endpoint.Close()
	})
}

func TestStreamsAreBounded(t *testing.T) {
	r := open(t)
	for range maxStreams {
		if err := r.endpoint.gate.Enter(); err != nil {
			t.Fatal(err)
		}
		defer r.endpoint.gate.Leave()
	}
	if status, got, _ := r.do("GET", "/v1/sessions/talk/events", ""); status != 503 {
		t.Errorf("%d %v", status, got)
	}
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEventsGoOn: who comes back says what they have had; numbers stand with what is
// for good. A session that has moved ends the stream without an end.
func TestEventsGoOn(t *testing.T) {
	r := open(t)
	src := listenTo(r.Desk)
	watch, control := signalingtest.Token("talk", access.Watch, ""), signalingtest.Token("talk", access.Control, "")
	for _, tt := range []struct {
		token, last, query string
		want               signaling.Since
	}{
		{watch, "", "", signaling.Since{}},
		{watch, "41", "", signaling.Since{Resume: true, After: 41}},
		{watch, "", "?last-event-id=41", signaling.Since{Resume: true, After: 41}},
		{watch, "43", "?last-event-id=41", signaling.Since{Resume: true, After: 43}}, // it has come back by itself since
		{control, "0", "", signaling.Since{Resume: true, All: true}},
		{control, "-1", "", signaling.Since{All: true}},
		{watch, "99999999999999999999999", "", signaling.Since{}},
	} {
		src.events = make(chan signaling.Event, 16)
		src.events <- signaling.Event{Caption: &signaling.Caption{Lang: "es", Text: "ho"}}
		src.events <- signaling.Event{Seq: 42, Caption: &signaling.Caption{Lang: "es", Text: "hola", Final: true}}
		src.events <- signaling.Event{Seq: 43, Lost: &signaling.Lost{Records: 5}}
		src.events <- signaling.Event{Seq: 44, Moved: &signaling.Moved{Fence: 7}}
		resp := r.Start(r.Request("GET", "/v1/sessions/talk~"+tt.token+"/events"+tt.query, "", append([]string{"Last-Event-ID", tt.last}, evil...)...))
		got := readAll(t, resp)
		resp.Body.Close()
		want := "retry: 1000\n\n" +
			"event: caption\ndata: {\"lang\":\"es\",\"id\":0,\"text\":\"ho\",\"final\":false,\"start\":0,\"end\":0}\n\n" +
			"id: 42\nevent: caption\ndata: {\"lang\":\"es\",\"id\":0,\"text\":\"hola\",\"final\":true,\"start\":0,\"end\":0}\n\n" +
			"id: 43\nevent: lost\ndata: {\"records\":5}\n\n" +
			"id: 44\nevent: moved\ndata: {\"fence\":7}\n\n"
		if got != want || src.since != tt.want {
			t.Errorf("%q%s: %+v, want %+v: %q", tt.last, tt.query, src.since, tt.want, got)
		}
	}
}

// TestHistory: a session's captions and report are for who controls it.
func TestHistory(t *testing.T) {
	r := open(t)
	r.Desk.CaptionsFunc = func(id string, lang inference.Lang) ([]byte, error) {
		if lang != "es" {
			return nil, signaling.ErrNotFound.Errorf("there is no %s", lang)
		}
		return []byte("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nhola\n"), nil
	}
	r.Desk.ReportFunc = func(string) ([]byte, error) { return []byte(`{"phrases":[]}`), nil }
	at := func(role access.Role, rest string) string {
		return "/v1/sessions/talk~" + signalingtest.Token("talk", role, "") + "/" + rest
	}
	for path, want := range map[string]string{
		at(access.Control, "captions/es"):     "200 text/vtt; charset=utf-8 WEBVTT\n",
		at(access.Control, "captions/es.vtt"): "200 text/vtt; charset=utf-8 WEBVTT\n",
		at(access.Control, "captions/es.srt"): "200 application/x-subrip; charset=utf-8 1\r\n00:00:01,000 --> 00:00:02,000\r\nhola",
		at(access.Control, "report"):          `200 application/json {"phrases":[]}`,
		at(access.Control, "captions/fr"):     "404 ",
		at(access.Watch, "captions/es"):       "404 ",
		at(access.Watch, "report"):            "404 ",
		at(access.Publish, "report"):          "404 ",
	} {
		got := r.Do("GET", path, "", evil...)
		if said := fmt.Sprint(got.Status, " ", got.Header.Get("Content-Type"), " ", got.Body); !strings.HasPrefix(said, want) {
			t.Errorf("%s: %s, want %s", path, said, want)
		}
	}
}
