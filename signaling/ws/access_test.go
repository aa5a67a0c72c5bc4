package ws

import (
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// TestCapabilities: a page of another origin comes in with one and may do what it
// says; a program brings its own as Bearer.
func TestCapabilities(t *testing.T) {
	r := open(t, nil)
	foreign := http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
	es := signalingtest.Token("talk", access.Watch, "es")
	bearer := http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Authorization": {"Bearer " + es}}
	for name, c := range map[string]struct {
		path   string
		header http.Header
		in     bool
	}{
		"none":             {"/ws", foreign, false},
		"another's":        {"/ws/talk~" + signalingtest.Token("other", access.Control, ""), foreign, false},
		"of no session":    {"/ws/nobody~" + es, foreign, false},
		"no token":         {"/ws/talk", foreign, false},
		"to watch Spanish": {"/ws/talk~" + es, foreign, true},
		"as Bearer":        {"/ws", bearer, true},
	} {
		conn, resp, err := websocket.DefaultDialer.Dial("ws"+r.URL[len("http"):]+c.path, c.header)
		if (err == nil) != c.in {
			t.Errorf("%s: %v %v", name, err, resp)
		}
		if err != nil {
			if resp.StatusCode != 404 {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
			continue
		}
		w := &client{r, conn}
		w.offer("view", "talk", "lang", "ca")
		w.refused("not_found", "no right to it")
		w.offer("publish", "talk")
		w.refused("not_found", "no right to it")
		w.offer("publish", "new", "from", "en")
		w.refused("not_found", "no right to it")
		w.offer("view", "talk", "lang", "es")
		w.hear("answer")
		conn.Close()
	}
	conn, _, err := websocket.DefaultDialer.Dial("ws"+r.URL[len("http"):]+"/ws/talk~"+signalingtest.Token("talk", access.Publish, ""), foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := &client{r, conn}
	w.offer("view", "talk", "lang", "es")
	w.refused("not_found", "no right to it")
	w.offer("publish", "talk")
	w.hear("answer")
}

// TestOwnPageWithoutCapability may create a session by naming it, and use none that is there.
func TestOwnPageWithoutCapability(t *testing.T) {
	r := open(t, nil)
	conn, _, err := websocket.DefaultDialer.Dial(r.url(), http.Header{"Origin": {r.URL}, "Sec-Fetch-Site": {"same-origin"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := &client{r, conn}
	w.offer("view", "talk", "lang", "es")
	w.refused("not_found", "no right to it")
	w.say(`{"v":1,"type":"publish","session":"talk","from":"en","to":["es"],"sdp":"v=0\r\nm=audio 9 X 0\r\n"}`)
	w.refused("not_found", "no right to it")
	w.say(`{"v":1,"type":"publish","session":"mine","from":"en","to":["es"],"sdp":"v=0\r\nm=audio 9 X 0\r\n"}`)
	w.hear("answer")
}
