package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// toldEvent is an event as both ways of following a session tell it.
type toldEvent struct {
	Name, Data string
}

// wsEvents is a websocket that follows a session's events.
type wsEvents struct {
	messages chan wsMessage
	told     map[float64]toldEvent // by number
	closed   error                 // once messages is
}

type wsMessage struct {
	Type, Event, Reason string
	ID                  float64
	Data                json.RawMessage
}

// followByWebsocket asks for a session's events by a token, and reads them all the time,
// by which pings are answered, until the connection or the test ends.
func followByWebsocket(t *testing.T, s *server, session, token string) *wsEvents {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.base, "http")+"/ws", http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatalf("%v %v", err, resp)
	}
	if err := conn.WriteJSON(map[string]any{"v": 1, "type": "events", "session": session, "detail": "visemes", "after": 0}); err != nil {
		t.Fatal(err)
	}
	w, done := &wsEvents{messages: make(chan wsMessage, 10_000), told: map[float64]toldEvent{}}, make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.messages)
		for {
			var m wsMessage
			if w.closed = conn.ReadJSON(&m); w.closed != nil {
				return
			}
			w.messages <- m
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return w
}

// next returns what the next message is; an event with a number is kept.
func (w *wsEvents) next(t *testing.T) (kind string) {
	t.Helper()
	select {
	case m, more := <-w.messages:
		switch {
		case !more:
			t.Fatalf("the websocket has ended: %v", w.closed)
		case m.Type == "bye":
			return "bye: " + m.Reason
		case m.Type == "event" && m.ID > 0:
			w.told[m.ID] = toldEvent{m.Event, string(m.Data)}
		}
		return m.Type + m.Event
	case <-time.After(time.Minute):
		t.Fatal("nothing came by the websocket for a minute")
	}
	return ""
}

// TestFollowByToken: by a signed token a real server tells the same events by websocket as
// by server-sent events, visemes and a dump included; a token reaches the recordings of its
// session's name; who follows is let go when the token is revoked.
func TestFollowByToken(t *testing.T) {
	s := serve(t, slices.Concat(fakes, []string{"--access-open=false", "--record", "dubs", "--store-dir", t.TempDir()})...)
	make := func(session string, grants ...string) string {
		t.Helper()
		args := []string{"token", "create", "--session", session, "--for", "1h"}
		for _, grant := range grants {
			args = append(args, "--grant", grant)
		}
		token := cli(t, args...)
		allLogs.hush("a token", token)
		return token
	}
	speaker, viewer, control, other := make("x", "create", "publish"), make("x", "watch:es"), make("x", "control"), make("y", "control")
	ask := func(method, path, token string, v any) int {
		t.Helper()
		code, body := s.call(t, method, strings.Replace(path, "TOKEN", token, 1), "", nil)
		if v != nil && code == 200 {
			if err := json.Unmarshal([]byte(body), v); err != nil {
				t.Fatal(err)
			}
		}
		return code
	}
	sending{}.publish(t, s, "/whip/x~"+speaker+"?from=en&to=es,ca&consent=true&delay_ms=3000", newSpeaker(t, time.Second))

	ws := followByWebsocket(t, s, "x", viewer)
	f := followEvents(t, s, "x", viewer, "?detail=visemes&last-event-id=0")
	if kind := ws.next(t); kind != "following" {
		t.Fatalf("told %q", kind)
	}
	for !slices.ContainsFunc(ws.said(), func(e toldEvent) bool { return e.Name == "spoken" }) {
		ws.next(t)
	}
	if code := ask("POST", "/v1/sessions/x~TOKEN/dump", viewer, nil); code != 404 {
		t.Errorf("who watches dumps: %d", code)
	}
	if code := ask("POST", "/v1/sessions/x~TOKEN/dump", control, nil); code != 200 {
		t.Errorf("who controls cannot dump: %d", code)
	}
	for ws.next(t) != "eventdumped" {
	}
	compare(t, f, ws)

	var list struct {
		Recordings []struct{ ID, Session string }
	}
	until(t, "the recording is listed", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.base+"/v1/recordings", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+viewer)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&list) == nil && len(list.Recordings) == 1
	})
	id := list.Recordings[0].ID
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "", viewer, 200}, {"GET", "/es/transcript.json", viewer, 200}, {"GET", "/ca/transcript.json", viewer, 404}, {"GET", "/ca/transcript.json", control, 200},
		{"GET", "", other, 404}, {"GET", "/es/transcript.json", other, 404}, {"GET", "", speaker, 404},
		{"DELETE", "", viewer, 404}, {"DELETE", "", other, 404}, {"DELETE", "", control, 204}, {"GET", "", viewer, 404},
	} {
		if code := ask(c.method, "/v1/recordings/"+id+"~TOKEN"+c.path, c.token, nil); code != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, code, c.want)
		}
	}

	cli(t, "token", "revoke", viewer)
	for {
		kind := ws.next(t)
		if strings.HasPrefix(kind, "bye") {
			if kind != "bye: the token was revoked" {
				t.Error(kind)
			}
			break
		}
	}
	for range ws.messages {
	}
	var closed *websocket.CloseError
	if !errors.As(ws.closed, &closed) || closed.Code != websocket.ClosePolicyViolation {
		t.Errorf("ended by %v", ws.closed)
	}
}

func (w *wsEvents) said() (all []toldEvent) {
	for _, e := range w.told {
		all = append(all, e)
	}
	return all
}

// compare looks for the same events in the server-sent ones: all that both tell.
func compare(t *testing.T, f following, ws *wsEvents) {
	t.Helper()
	sse, kinds := map[float64]toldEvent{}, map[string]int{}
	id, name := 0., ""
	until(t, "the dump, by server-sent events", func() bool {
		select {
		case line := <-f.lines:
			switch key, value, _ := strings.Cut(line, ": "); key {
			case "id":
				if err := json.Unmarshal([]byte(value), &id); err != nil {
					t.Fatal(err)
				}
			case "event":
				name = value
			case "data":
				if id > 0 {
					sse[id] = toldEvent{name, value}
				}
				id = 0
				return name == "dumped"
			}
		default:
		}
		return false
	})
	for n, e := range sse {
		if was, is := ws.told[n]; is && was != e {
			t.Errorf("event %v by websocket: %v; server-sent: %v", n, was, e)
		} else if is {
			kinds[e.Name]++
		}
		if strings.Contains(e.Data, `"lang":"ca"`) {
			t.Errorf("who may watch Spanish is told %v", e)
		}
	}
	if kinds["dumped"] != 1 || kinds["spoken"] == 0 || kinds["caption"] == 0 {
		t.Errorf("compared %v", kinds)
	}
	t.Logf("the same by both: %v", kinds)
}
