// Package realtimetest has a fake of a server of OpenAI's Realtime API, as far as
// transcription goes: a real websocket server that says what it is told to.
package realtimetest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// Server is the fake. Its fields are set before the first call and left alone then.
type Server struct {
	Base string // address for clients
	Key  string // that is wanted
	// Flat has sessions of the form of the API's beta, and wants the model in
	// the address, as speaches does.
	Flat bool
	// Hear tells what is said in a unit of 24 kHz.
	Hear func(lang string, pcm []int16) string
	// Live has text come word by word while the unit is spoken: a word of what
	// Hear tells of the unit so far for each message of sound.
	Live bool
	// LogProb is that of all tokens; 0 for none told.
	LogProb float64
	// Refuse is what no session may ask for, as a part of the update's JSON; "" for nothing.
	Refuse string
	// Spoil changes what is sent, if it is set: each event in order, as often and as it likes.
	Spoil func(e map[string]any, send func(any))

	t    testing.TB
	mu   sync.Mutex
	open map[*websocket.Conn]bool
	n    int // connections so far
}

// New starts a server, which ends with the test.
func New(t testing.TB) *Server {
	s := &Server{t: t, open: map[*websocket.Conn]bool{}, Hear: func(string, []int16) string { return "hello" }}
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	s.Base = h.URL + "/v1"
	t.Cleanup(func() {
		s.HangUp()
		h.Close()
	})
	return s
}

// HangUp ends all connections there are.
func (s *Server) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
}

// Connections returns how many there were.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.URL.Path != "/v1/realtime" || q.Get("intent") != "transcription":
		http.NotFound(w, r)
		return
	case s.Key != "" && r.Header.Get("Authorization") != "Bearer "+s.Key:
		http.Error(w, `{"error":{"message":"wrong key"}}`, http.StatusUnauthorized)
		return
	case s.Flat != q.Has("model"):
		http.Error(w, "", http.StatusForbidden)
		return
	}
	ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	s.mu.Lock()
	s.open[ws] = true
	s.n++
	s.mu.Unlock()
	c := &call{s: s, ws: ws, lang: q.Get("language")}
	c.run()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, ws)
}

// call is one connection.
type call struct {
	s    *Server
	ws   *websocket.Conn
	lang string
	set  bool
	pcm  []int16
	told int // words of the unit
	item int
}

func (c *call) id() string { return fmt.Sprintf("item_%d", c.item) }

func (c *call) send(e map[string]any) {
	e["event_id"] = "event_1"
	put := func(v any) {
		if b, ok := v.([]byte); ok {
			_ = c.ws.WriteMessage(websocket.TextMessage, b)
			return
		}
		_ = c.ws.WriteJSON(v)
	}
	if c.s.Spoil != nil {
		c.s.Spoil(e, put)
		return
	}
	put(e)
}

func (c *call) complain(format string, a ...any) {
	c.send(map[string]any{"type": "error", "error": map[string]any{"type": "invalid_request_error", "code": nil, "message": fmt.Sprintf(format, a...)}})
}

func (c *call) session() map[string]any {
	if c.s.Flat {
		return map[string]any{"id": "sess_1", "model": "x", "input_audio_transcription": map[string]any{"model": "x"}}
	}
	return map[string]any{"id": "sess_1", "type": "transcription", "object": "realtime.session", "audio": map[string]any{}}
}

func (c *call) run() {
	c.send(map[string]any{"type": "session.created", "session": c.session()})
	for {
		_, b, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		var m struct {
			Type, Audio string
			Session     json.RawMessage
		}
		if err := json.Unmarshal(b, &m); err != nil {
			c.s.t.Errorf("the client sends %.80q", b)
			return
		}
		switch m.Type {
		case "session.update":
			c.update(m.Session)
		case "input_audio_buffer.append":
			c.hear(m.Audio)
		case "input_audio_buffer.clear":
			c.pcm, c.told = nil, 0
			c.item++
			c.send(map[string]any{"type": "input_audio_buffer.cleared"})
		case "input_audio_buffer.commit":
			c.commit()
		default:
			c.complain("unknown event %q", m.Type)
		}
	}
}

func (c *call) update(b json.RawMessage) {
	if r := c.s.Refuse; r != "" && strings.Contains(string(b), r) {
		c.complain("unsupported: %s", r)
		return
	}
	type transcription struct {
		Model, Language string
		Languages       []string
	}
	var asked transcription
	if c.s.Flat {
		var u struct {
			Transcription transcription `json:"input_audio_transcription"`
			Turns         struct {
				Threshold float64
				Padding   *int `json:"prefix_padding_ms"`
				Response  bool `json:"create_response"`
			} `json:"turn_detection"`
		}
		if err := json.Unmarshal(b, &u); err != nil || u.Turns.Threshold != 1 || u.Turns.Padding == nil || u.Turns.Response {
			c.s.t.Errorf("session %s: %v", b, err)
		}
		c.complain("prefix_padding_ms is not supported")
		asked = u.Transcription
	} else {
		var u struct {
			Type  string
			Audio struct {
				Input struct {
					Format        struct{ Rate int }
					Transcription transcription
					Turns         json.RawMessage `json:"turn_detection"`
				}
			}
		}
		if err := json.Unmarshal(b, &u); err != nil || u.Type != "transcription" || u.Audio.Input.Format.Rate != 24000 || string(u.Audio.Input.Turns) != "null" {
			c.s.t.Errorf("session %s: %v", b, err)
		}
		asked = u.Audio.Input.Transcription
	}
	c.lang, c.set = asked.Language+strings.Join(asked.Languages, ""), true
	if asked.Model == "" || c.lang == "" {
		c.s.t.Errorf("session %s names no model or language", b)
	}
	c.send(map[string]any{"type": "session.updated", "session": c.session()})
}

func (c *call) hear(audio string) {
	b, err := base64.StdEncoding.DecodeString(audio)
	if err != nil || len(b)%2 != 0 || !c.set {
		c.s.t.Errorf("sound of %d bytes: %v; set up: %v", len(b), err, c.set)
		return
	}
	for i := 0; i < len(b); i += 2 {
		c.pcm = append(c.pcm, int16(binary.LittleEndian.Uint16(b[i:])))
	}
	if words := strings.Fields(c.s.Hear(c.lang, c.pcm)); c.s.Live && c.told < len(words) {
		c.send(map[string]any{"type": transcription + "delta", "item_id": c.id(), "content_index": 0, "delta": words[c.told] + " "})
		c.told++
	}
}

const transcription = "conversation.item.input_audio_transcription."

func (c *call) commit() {
	if len(c.pcm) < 2400 {
		c.complain("buffer too small: %d samples", len(c.pcm))
		return
	}
	text := c.s.Hear(c.lang, c.pcm)
	c.send(map[string]any{"type": "input_audio_buffer.committed", "item_id": c.id(), "previous_item_id": nil})
	c.send(map[string]any{"type": "conversation.item.added", "item": map[string]any{"id": c.id()}})
	end := map[string]any{"type": transcription + "completed", "item_id": c.id(), "content_index": 0, "transcript": text}
	if c.s.LogProb != 0 {
		var tokens []any
		for _, w := range strings.SplitAfter(text, " ") {
			tokens = append(tokens, map[string]any{"token": w, "logprob": c.s.LogProb, "bytes": []byte(w)})
		}
		end["logprobs"] = tokens
	}
	c.send(end)
	c.pcm, c.told = nil, 0
	c.item++
}
