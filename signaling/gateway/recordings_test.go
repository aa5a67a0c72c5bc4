package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/api"
	"livedub/signaling/signalingtest"
	"livedub/store"
)

// tapes are what a fake node keeps: the recordings of these sessions.
type tapes struct {
	mu  sync.Mutex
	has map[string]bool
	err error

	erased *sync.Map // in a database that nodes share; nil for none
}

func (s *tapes) row(id string) store.Recording {
	return store.Recording{ID: id, Session: "talk", From: "en", State: store.Whole, Created: time.Unix(1e9, 0), Languages: []store.RecordedLanguage{{Lang: "es", File: "es/es.mp4"}}}
}

func (s *tapes) find(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.erased != nil {
		if _, gone := s.erased.Load(id); gone {
			return store.ErrErased
		}
	}
	if s.err == nil && !s.has[id] {
		return store.ErrNotFound
	}
	return s.err
}

func (s *tapes) List(context.Context, store.Filter) (p store.Page, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.has {
		p.Recordings = append(p.Recordings, s.row(id))
	}
	return p, s.err
}

func (s *tapes) Get(_ context.Context, id string) (store.Recording, int, error) {
	return s.row(id), 1, s.find(id)
}

func (s *tapes) Playlist(_ context.Context, id, _ string) ([]byte, error) {
	return []byte("#EXTM3U\n"), s.find(id)
}

func (s *tapes) Captions(_ context.Context, id, _ string) ([]byte, error) {
	return []byte("WEBVTT\n"), s.find(id)
}

func (s *tapes) Transcript(_ context.Context, id, _ string) ([]byte, error) {
	return []byte("{}"), s.find(id)
}

func (s *tapes) Open(_ context.Context, id, _, _ string, offset, _ int64) (io.ReadCloser, store.Object, error) {
	text := strings.Repeat(id+" ", 20_000)
	return io.NopCloser(strings.NewReader(text[offset:])), store.Object{Size: int64(len(text)), Type: "video/mp4", Modified: time.Unix(1e9, 0)}, s.find(id)
}

func (s *tapes) Link(context.Context, string, string, string, string) (string, error) { return "", nil }

func (s *tapes) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.erased != nil {
		s.erased.Store(id, true)
	}
	delete(s.has, id)
	return s.err
}

// taping are two nodes that keep recordings, and how one of theirs is reached.
func taping(t *testing.T) (c *town, g *front, one, two *tapes, at func(id string) string) {
	c = newTown(t)
	one, two = &tapes{has: map[string]bool{"first": true, "both": true}}, &tapes{has: map[string]bool{"second": true, "both": true}}
	for id, s := range map[string]*tapes{"a": one, "b": two} {
		c.keeps = s
		c.node(id, 4, nil)
	}
	c.keeps = nil
	at = func(id string) string {
		return signaling.WithToken("v1/recordings", id, c.caps.Mint(id, access.Capability{Role: access.Control, Expires: time.Now().Add(time.Hour)}))
	}
	return c, c.gateway(), one, two, at
}

// TestRecordingsAnywhere: what lies at one node only is found, whichever that is, and whole.
func TestRecordingsAnywhere(t *testing.T) {
	_, g, _, _, at := taping(t)
	evil := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	for _, id := range []string{"first", "second", "both"} {
		for path, want := range map[string]string{"": `"id":"` + id + `"`, "/es/index.m3u8": "#EXTM3U", "/es.vtt": "WEBVTT", "/es.mp4": id + " " + id, "/es/a/00000001.m4s": id} {
			resp, body := g.ask("GET", at(id)+path, "", evil...)
			if resp.StatusCode != 200 || !strings.Contains(body, want) || len(resp.Header.Values("Access-Control-Allow-Origin")) != 1 || resp.Header.Get("Livedub-Node") != "" {
				t.Errorf("%s%s: %d %v %.200s", id, path, resp.StatusCode, resp.Header, body)
			}
		}
		resp, body := g.ask("GET", at(id)+"/es.mp4", "", "Range", "bytes=0-3")
		if resp.StatusCode != 206 || body != id[:4] {
			t.Errorf("a range: %d %q", resp.StatusCode, body)
		}
	}
	for _, path := range []string{at("third"), at("third") + "/es.mp4", "/v1/recordings/first~c.x.y", strings.Replace(at("first"), "first", "second", 1)} {
		resp, body := g.ask("GET", path, "", evil...)
		var said struct{ Error, Hint string }
		if err := json.Unmarshal([]byte(body), &said); resp.StatusCode != 404 || err != nil || said.Error == "" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if resp, _ := g.ask("OPTIONS", at("first"), "", "Origin", "https://evil.example", "Access-Control-Request-Method", "DELETE"); resp.StatusCode != 204 || !strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), "DELETE") {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
}

// TestRecordingsList is the operator's, from any node.
func TestRecordingsList(t *testing.T) {
	_, g, _, _, _ := taping(t)
	if resp, body := g.ask("GET", "/v1/recordings?limit=5", "", "Authorization", "Bearer "+operator); resp.StatusCode != 200 || !strings.Contains(body, `"both"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, body := g.ask("GET", "/v1/recordings", "", "Origin", "https://evil.example"); resp.StatusCode != 404 {
		t.Errorf("a foreign page: %d %s", resp.StatusCode, body)
	}
}

// TestRecordingsDelete: every node deletes what it has, and a node that cannot is told of.
func TestRecordingsDelete(t *testing.T) {
	_, g, one, two, at := taping(t)
	if resp, _ := g.ask("DELETE", "/v1/recordings/both", "", "Origin", "https://evil.example"); resp.StatusCode != 404 || !one.has["both"] {
		t.Errorf("without a right: %d", resp.StatusCode)
	}
	for _, id := range []string{"both", "second"} {
		if resp, body := g.ask("DELETE", at(id), ""); resp.StatusCode != 204 || one.has[id] || two.has[id] {
			t.Errorf("%s: %d %s", id, resp.StatusCode, body)
		}
		if resp, _ := g.ask("DELETE", at(id), ""); resp.StatusCode != 404 {
			t.Errorf("%s again: %d", id, resp.StatusCode)
		}
	}
	two.err = store.ErrUnavailable
	if resp, body := g.ask("DELETE", at("first"), ""); resp.StatusCode != 502 || !strings.Contains(body, "delete it again") {
		t.Errorf("a node that cannot: %d %s", resp.StatusCode, body)
	}
}

// TestRecordingsDeletedByToken: by a signed token all nodes delete what they have, though
// the first that does has the name of its session forgotten everywhere.
func TestRecordingsDeletedByToken(t *testing.T) {
	c := newTown(t)
	c.tokens = true
	shared := &sync.Map{}
	all := []*tapes{{has: map[string]bool{"both": true}, erased: shared}, {has: map[string]bool{"both": true}, erased: shared}, {has: map[string]bool{"both": true}, erased: shared}}
	for i, s := range all {
		c.keeps = s
		c.node(string(rune('a'+i)), 4, nil)
	}
	g := c.gateway()
	for _, one := range []struct {
		session string
		want    int
	}{{"other", 404}, {"talk", 204}} { // in this order: the second deletes it
		session, want := one.session, one.want
		if resp, body := g.ask("DELETE", "/v1/recordings/both~"+signalingtest.Signed(session, time.Hour, "control"), "", "Origin", "https://evil.example"); resp.StatusCode != want {
			t.Errorf("by a token for %s: %d %s", session, resp.StatusCode, body)
		}
		for i, s := range all {
			if s.has["both"] != (want == 404) {
				t.Errorf("by a token for %s: node %d has it: %v", session, i, s.has["both"])
			}
		}
		if want == 404 && g.count("forwarding", "") != 0 {
			t.Error("something is still being forwarded")
		}
	}
}

var _ api.Recordings = (*tapes)(nil)
