package ws

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// happening is what happens in a session, and whether somebody listens.
type happening struct {
	events    chan signaling.Event
	listening atomic.Int32
	since     chan signaling.Since // of who came
}

func happens(c *Config, d *signalingtest.Desk) *happening {
	h := &happening{events: make(chan signaling.Event, 16), since: make(chan signaling.Since, 16)}
	c.Events = func(id string, since signaling.Since) (signaling.Events, error) {
		if _, err := d.Get(id); err != nil {
			return nil, err
		}
		h.listening.Add(1)
		h.since <- since
		return signalingtest.Events{C: h.events, Closed: func() { h.listening.Add(-1) }}, nil
	}
	return h
}

// openEvents serves a desk with the session "talk", where something happens.
func openEvents(t *testing.T, more func(*Config)) (*rig, *happening) {
	var h *happening
	r := open(t, func(c *Config, d *signalingtest.Desk) {
		h = happens(c, d)
		if more != nil {
			more(c)
		}
	})
	return r, h
}

// dialAs connects with a capability in the path, as a page of another origin.
func (r *rig) dialAs(token string) *client {
	r.Helper()
	c, resp, err := websocket.DefaultDialer.Dial(r.url()+"/talk~"+token, http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}})
	if err != nil {
		r.Fatalf("%v %v", err, resp)
	}
	r.Cleanup(func() { c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &client{r, c}
}

var visemes = signaling.Event{Seq: 8, Spoken: &signaling.Spoken{
	Lang: "es", ID: 3, Text: "va", Start: time.Second, End: 2 * time.Second, Words: []inference.Word{{Text: "va", Start: time.Second, End: 2 * time.Second}},
	Marks: []inference.Mark{{IPA: "v", Viseme: inference.VisemeFF, At: time.Second, Dur: 500 * time.Millisecond}},
}}

// TestListen: a client is told of what it may watch, with the bodies of server-sent
// events, from where it says; then of the end.
func TestListen(t *testing.T) {
	r, h := openEvents(t, nil)
	c := r.dialAs(signalingtest.Token("talk", access.Watch, "es"))
	c.say(`{"v":1,"type":"events","session":"talk","detail":"visemes","after":6}`)
	if m := c.hear("following"); m["session"] != "talk" {
		t.Errorf("%v", m)
	}
	if since := <-h.since; since != (signaling.Since{Resume: true, After: 6, Spoken: true}) {
		t.Errorf("since %+v", since)
	}
	h.events <- signaling.Event{Seq: 7, Caption: &signaling.Caption{Lang: "ca", ID: 3, Text: "secret"}}
	h.events <- signaling.Event{Ladder: &signaling.LadderChange{Lang: "ca", Why: "secret"}}
	h.events <- signaling.Event{Spoken: &signaling.Spoken{Lang: "ca", Text: "secret"}}
	h.events <- signaling.Event{Output: &signaling.OutputState{}} // for who controls the session
	h.events <- signaling.Event{}                                 // of a kind yet to come
	told := []signaling.Event{
		{Caption: &signaling.Caption{Lang: "es", ID: 3, Text: "<hola> & \n", Start: time.Second, End: 2 * time.Second}},
		visemes, {Seq: 9, Dumped: &signaling.Dumped{From: time.Second, To: 5 * time.Second, Phrases: []int{3}}},
		{Seq: 10, Lost: &signaling.Lost{Records: 4}}, {Seq: 11, Drain: &signaling.Drain{Until: time.Unix(1e9, 0).UTC()}},
	}
	for _, e := range told {
		h.events <- e
		m := c.hear("event")
		name, body := e.Body()
		want, err := json.Marshal(body)
		got, err2 := json.Marshal(m["data"])
		var a, b any
		if err != nil || err2 != nil || json.Unmarshal(want, &a) != nil || json.Unmarshal(got, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if id, _ := m["id"].(float64); m["event"] != name || uint64(id) != e.Seq {
			t.Errorf("%v, want %s with number %d", m, name, e.Seq)
		}
	}
	c.offer("view", "talk", "lang", "es") // the same connection may have a peer
	c.hear("answer")
	close(h.events)
	if m := c.hear("event"); m["event"] != "end" || m["data"].(map[string]any)["reason"] != "the session has ended" {
		t.Errorf("%v", m)
	}
	c.hear("bye")
	c.closed(websocket.CloseNormalClosure, "the session has ended")
	r.Eventually("nobody listens", func() bool { return h.listening.Load() == 0 && r.Serving() == 0 })
}

// TestWhoMayListen: rights are those of server-sent events; a refusal ends nothing.
func TestWhoMayListen(t *testing.T) {
	r, h := openEvents(t, nil)
	const all, other = `{"v":1,"type":"events","session":"talk"}`, `{"v":1,"type":"events","session":"other"}`
	speaker := r.dialAs(signalingtest.Token("talk", access.Publish, ""))
	speaker.say(all)
	speaker.refused("not_found", "no right to it")
	own, _, err := websocket.DefaultDialer.Dial(r.url(), http.Header{"Origin": {r.URL}, "Sec-Fetch-Site": {"same-origin"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Close() })
	page := &client{r, own}
	page.say(all)
	page.refused("not_found", "no right to it")

	c := r.dialAs(signalingtest.Token("talk", access.Control, ""))
	for message, text := range map[string]string{
		`{"v":1,"type":"events"}`: `needs "session"`,
		other:                     "no right to it",
		`{"v":1,"type":"events","session":"talk","detail":"pcm"}`:      "visemes",
		`{"v":1,"type":"events","session":"talk","after":-1}`:          "not negative",
		`{"v":1,"type":"events","session":"talk","after":1e99}`:        "after",
		`{"v":1,"type":"events","session":"talk","details":"visemes"}`: `did you mean "detail"`,
	} {
		c := r.dialAs(signalingtest.Token("talk", access.Control, ""))
		c.say(message)
		if m := c.hear("error"); !strings.Contains(m["error"].(string), text) {
			t.Errorf("%s: %v", message, m)
		}
		c.Close()
	}
	if h.listening.Load() != 0 {
		t.Errorf("%d listen", h.listening.Load())
	}
	c.say(all)
	c.hear("following")
	if since := <-h.since; since != (signaling.Since{All: true}) {
		t.Errorf("since %+v", since)
	}
	c.say(all)
	c.refused("bad_request", "has its events")
	h.events <- signaling.Event{Seq: 1, Moved: &signaling.Moved{Fence: 7}}
	if m := c.hear("event"); m["event"] != "moved" || m["data"].(map[string]any)["fence"] != 7. {
		t.Errorf("%v", m)
	}
	r.Eventually("its events are over", func() bool { return h.listening.Load() == 0 })
	c.say(`{"v":1,"type":"ping"}`) // it leaves when it is connected elsewhere
	c.hear("pong")
	c.Close()
	r.Eventually("it is gone", func() bool { return r.Serving() == 2 })
}

// TestListenWithoutEvents: a server that tells none says so as of what is not there.
func TestListenWithoutEvents(t *testing.T) {
	r := open(t, nil)
	c := r.dial()
	c.say(`{"v":1,"type":"events","session":"talk"}`)
	c.refused("not_found", "no right to it")
}

// TestListenerWhoTakesNothing: of a client that reads nothing no more is asked for than
// the buffers between hold, and it is cut off.
func TestListenerWhoTakesNothing(t *testing.T) {
	r, h := openEvents(t, func(c *Config) {
		c.Times = Times{Ping: time.Minute, Silent: time.Minute, Write: 200 * time.Millisecond, Answer: time.Second, Idle: time.Minute}
	})
	c := r.dial()
	_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4096)
	c.say(`{"v":1,"type":"events","session":"talk"}`)
	c.hear("following")
	text := strings.Repeat("mucho que decir ", 1<<12) // 64 KiB each
	taken := 0
	for end := time.After(30 * time.Second); r.Serving() > 0; {
		select {
		case h.events <- signaling.Event{Seq: uint64(taken + 1), Caption: &signaling.Caption{Lang: "es", Text: text, Final: true}}:
			taken++
		case <-time.After(10 * time.Millisecond):
		case <-end:
			t.Fatalf("it is still there, after %d events", taken)
		}
	}
	if taken > 2000 {
		t.Errorf("%d events of 64 KiB were taken for a client who reads nothing", taken)
	}
	if h.listening.Load() != 0 {
		t.Error("its events are still open")
	}
}

// TestSlowListener misses nothing that is for good, whatever comes between its reads.
func TestSlowListener(t *testing.T) {
	r, h := openEvents(t, nil)
	c := r.dial()
	c.say(`{"v":1,"type":"events","session":"talk"}`)
	c.hear("following")
	const n = 400
	go func() {
		for i := range n {
			h.events <- signaling.Event{Seq: uint64(i + 1), Caption: &signaling.Caption{Lang: "es", ID: i, Text: strings.Repeat("x", 4096), Final: true}}
		}
		close(h.events)
	}()
	for i := range n {
		if i%100 == 0 {
			time.Sleep(20 * time.Millisecond)
		}
		if m := c.hear("event"); m["id"] != float64(i+1) {
			t.Fatalf("event %v, want %d", m["id"], i+1)
		}
	}
	if m := c.hear("event"); m["event"] != "end" {
		t.Errorf("%v", m)
	}
}

// TestListenersStay as long as they answer pings, without a peer; whose right ends is told.
func TestListenersStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := signalingtest.NewDesk("talk")
		cfg := Config{Sessions: desk}
		h := happens(&cfg, desk)
		began := time.Now()
		c := connect(t, cfg, "/ws/talk~"+signalingtest.Token("talk", access.Watch, ""), nil)
		if err := c.WriteJSON(map[string]any{"v": 1, "type": "events", "session": "talk"}); err != nil {
			t.Fatal(err)
		}
		last := ""
		for {
			_, data, err := c.ReadMessage()
			if err != nil {
				var closed *websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != websocket.ClosePolicyViolation || closed.Text != "the token has expired" {
					t.Errorf("ended by %v after %s", err, time.Since(began))
				}
				break
			}
			last = string(data)
		}
		if took := time.Since(began); took < time.Hour-2*time.Second || took > time.Hour+2*time.Second {
			t.Errorf("let go after %v", took)
		}
		if !strings.Contains(last, `"bye"`) {
			t.Errorf("told last: %s", last)
		}
		time.Sleep(farewell + time.Second)
		if h.listening.Load() != 0 {
			t.Error("its events are still open")
		}
	})
}
