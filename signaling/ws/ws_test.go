package ws

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

func TestPublishWithTrickle(t *testing.T) {
	r := open(t, func(c *Config, d *signalingtest.Desk) {
		c.ICEServers = signaling.ICEServers{Servers: []signaling.ICESecret{{URL: "stun:stun.example"}}}
		publish := d.PublishFunc
		d.PublishFunc = func(ctx context.Context, id, offer string) (signaling.Peer, string, error) {
			if id != "talk" || offer != signalingtest.Offer {
				t.Errorf("publishes %q by %.20q", id, offer)
			}
			return publish(ctx, id, offer)
		}
	})
	c := r.dial()
	c.offer("publish", "talk")
	// Sent before the answer is there: waits for the peer.
	c.say(`{"v":1,"type":"candidate","candidate":"candidate:1 1 udp 1 192.0.2.7 7 typ host"}`)
	c.say(`{"v":1,"type":"candidate","candidate":""}`)
	if m := c.hear("answer"); m["sdp"] != signalingtest.Answer || m["session"] != "talk" || fmt.Sprint(m["ice_servers"]) != "[map[urls:stun:stun.example]]" {
		t.Errorf("%v", m)
	}
	c.say(`{"v":1,"type":"ping"}`)
	c.hear("pong")
	if got := r.peer(0).Got(); !slices.Equal(got, []string{"candidate:1 1 udp 1 192.0.2.7 7 typ host", ""}) {
		t.Errorf("%q", got)
	}
	c.say(`{"v":1,"type":"bye"}`)
	c.closed(websocket.CloseNormalClosure, "bye")
	r.Eventually("the peer is closed", func() bool { return r.peer(0).Closes() == 1 && r.Serving() == 0 })
}

func TestView(t *testing.T) {
	r := open(t, nil)
	c := r.dial()
	c.offer("view", "talk", "lang", "fr")
	c.refused("not_found", "en, es, ca")
	c.offer("view", "nobody", "lang", "es")
	c.refused("not_found", "no such session")
	c.offer("view", "talk", "lang", "es") // a refusal ends nothing
	if m := c.hear("answer"); m["lang"] != "es" {
		t.Errorf("%v", m)
	}
	c.offer("view", "talk", "lang", "ca")
	c.refused("bad_request", "open another")
	if n := len(r.Desk.Peers()); n != 1 {
		t.Errorf("%d peers", n)
	}
}

func TestOpenMode(t *testing.T) {
	const publish = `{"v":1,"type":"publish","session":"new","from":"en","to":["es"],"sdp":"v=0\r\nm=audio 9 X 0\r\n"}`
	r := open(t, nil)
	c := r.dial()
	c.offer("publish", "new")
	if m := c.hear("error"); m["code"] != "not_found" || !strings.Contains(m["hint"].(string), `"from":"en"`) {
		t.Errorf("%v", m)
	}
	c.say(publish)
	c.hear("answer")
	if i, err := r.Desk.Get("new"); err != nil || i.Consent == nil { // the operator's, as at WHIP
		t.Errorf("%+v %v", i, err)
	}
	for said, consent := range map[string]bool{"true": true, "false": false} {
		c = r.dial()
		c.say(strings.Replace(publish, `"new",`, `"`+said+`","consent":`+said+`,`, 1))
		c.hear("answer")
		if i, err := r.Desk.Get(said); err != nil || (i.Consent != nil) != consent {
			t.Errorf("consent %s: %+v %v", said, i, err)
		}
	}

	own, _, err := websocket.DefaultDialer.Dial(r.url(), http.Header{"Origin": {r.URL}, "X-Forwarded-For": {"192.0.2.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	afar := &client{r, own}
	afar.say(strings.Replace(publish, `"new"`, `"afar"`, 1))
	afar.refused("not_found", "no right to it")

	deaf := open(t, func(_ *Config, d *signalingtest.Desk) {
		d.PublishFunc = func(context.Context, string, string) (signaling.Peer, string, error) {
			return nil, "", signaling.ErrNoCodec
		}
	})
	c = deaf.dial()
	c.say(publish)
	c.refused("no_codec", "no codec in common")
	if _, err := deaf.Desk.Get("new"); err == nil {
		t.Error("a refused publisher left its session")
	}
}

func TestBadMessages(t *testing.T) {
	r := open(t, nil)
	for want, message := range map[string]string{
		"no JSON":                  `hello`,
		"not a JSON object":        `[1]`,
		`did you mean "session"`:   `{"v":1,"type":"view","sesion":"x"}`,
		`speaks "v":1`:             `{"v":2,"type":"ping"}`,
		"version 0":                `{"type":"ping"}`,
		"unknown type":             `{"v":1,"type":"answer"}`,
		`needs "session"`:          `{"v":1,"type":"publish"}`,
		`needs "lang"`:             `{"v":1,"type":"view","session":"talk"}`,
		"offer is empty":           `{"v":1,"type":"view","session":"talk","lang":"es"}`,
		`needs "candidate"`:        `{"v":1,"type":"candidate"}`,
		"candidate without a peer": `{"v":1,"type":"candidate","candidate":""}`,
		"want text":                `{"v":1,"type":7}`,
	} {
		c := r.dial()
		c.say(message)
		m := c.hear("error")
		if !strings.Contains(m["error"].(string), want) {
			t.Errorf("%s: %v", message, m)
		}
		c.say(`{"v":1,"type":"ping"}`)
		c.hear("pong") // the connection lives on
		c.Close()
	}
	c := r.dial()
	for range maxErrors {
		c.say(`{}`)
	}
	c.closed(websocket.ClosePolicyViolation, "too many errors")
	r.Eventually("all are gone", func() bool { return r.Serving() == 0 })
}

func TestHandshakesThatAreRefused(t *testing.T) {
	r := open(t, nil)
	for origin, allowed := range map[string]bool{r.URL: true, "https://evil.example": false, "null": false} {
		c, resp, err := websocket.DefaultDialer.Dial(r.url(), http.Header{"Origin": {origin}})
		if (err == nil) != allowed {
			t.Errorf("%s: %v", origin, err)
		}
		if err == nil {
			c.Close()
		} else if resp.StatusCode != 404 {
			t.Errorf("%s: %d", origin, resp.StatusCode)
		}
	}
	for method, want := range map[string]int{"GET": 400, "POST": 405, "OPTIONS": 204} {
		got := r.Do(method, "/ws", "")
		if got.Status != want || want == 400 && got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v", method, got.Status, got.Header)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"v":1,"type":"ping"}`, `{"v":1,"type":"candidate","candidate":""}`, `{"v":1,"type":"view","session":"a","lang":"es","sdp":"v=0\r\nm=audio 9 X 0\r\n"}`,
		`{"v":1,"type":"publish","session":"a","from":"en","to":["es"],"delay_ms":null,"sdp":""}`, `{"v":1e0}`, `{"v":1,"type":"events","session":"a","detail":"visemes","after":18446744073709551615}`, `{"v":1,"type":"events","session":"a","after":null}`, "\xff\xfe", `{"v":1,"type":"` + strings.Repeat("é", 100) + `"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data)
		if err == nil && (m.V != version || m.Type == typeCandidate && m.Candidate == nil || m.Type == typeView && m.Lang == "" ||
			m.Type == typeEvents && (m.Session == "" || m.Detail != "" && m.Detail != signaling.DetailVisemes)) {
			t.Errorf("accepted %+v", m)
		}
		if err != nil {
			if out, err := encode(errorMessage(err)); err != nil || len(out) > 8<<10 {
				t.Errorf("an error of %d bytes, %v", len(out), err)
			}
		}
	})
}
