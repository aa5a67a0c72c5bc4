// Package realtime recognizes speech by a server of OpenAI's Realtime API, in
// sessions of the kind "transcription": sound goes out over a websocket while
// somebody speaks, and text comes back over it. Where a unit of speech ends is
// the client's affair: the server's own detection of turns is off.
package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"livedub/internal/remote"
)

// Rate is that of the sound which servers want, in Hz: one channel, 16 bits.
const Rate = 24000

const (
	maxEvent  = 256 << 10        // bytes
	setupTime = 5 * time.Second  // from the open websocket to the session
	setupMost = 100              // events within that
	writeTime = 10 * time.Second // for one message
)

// Config says who recognizes.
type Config struct {
	Base  string // address of the server, as "https://api.openai.com/v1"
	Key   string // bearer token; "" for none
	Model string // as the server names it
}

// Client opens sessions. It is safe for concurrent use.
type Client struct {
	c      Config
	remote *remote.Client
	named  atomic.Bool // the server wants the model in the address

	mu       sync.Mutex
	closed   bool
	sessions map[*Session]bool
	work     sync.WaitGroup // goroutines of sessions
}

var errClosed = errors.New("realtime: closed")

// New returns a client; it asks the server for nothing yet.
func New(c Config) (*Client, error) {
	if c.Model == "" {
		return nil, errors.New("realtime: no model: name the one that the server has")
	}
	r, err := remote.New(c.Base, c.Key)
	if err != nil {
		return nil, fmt.Errorf("realtime: %w", err)
	}
	return &Client{c: c, remote: r, sessions: map[*Session]bool{}}, nil
}

// Open connects to the server, for speech in a language, an ISO 639-1 code. The
// caller closes the session.
func (c *Client) Open(ctx context.Context, lang string) (*Session, error) {
	ws, err := c.connect(ctx, lang, c.named.Load())
	if err != nil && !c.named.Load() && unnamed(err) {
		first := err
		if ws, err = c.connect(ctx, lang, true); err == nil {
			c.named.Store(true)
		} else if ctx.Err() == nil {
			err = fmt.Errorf("%w; with the model in the address: %w", first, err)
		}
	}
	if err != nil {
		return nil, err
	}
	s := newSession(ws, c.remote.Host())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = ws.Close()
		return nil, errClosed
	}
	c.sessions[s] = true
	c.work.Go(s.write)
	c.work.Go(func() {
		s.listen()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.sessions, s)
	})
	return s, nil
}

// unnamed tells whether a server that refuses may want the model in the
// address: OpenAI's must not have it there, others need it.
func unnamed(err error) bool {
	var status *remote.StatusError
	if errors.As(err, &status) {
		return status.Code == http.StatusBadRequest || status.Code == http.StatusForbidden || status.Code == http.StatusUnprocessableEntity
	}
	return errors.Is(err, errNoSession) && !errors.Is(err, errLate) && !errors.Is(err, remote.ErrAnswer)
}

// connect opens a websocket and sets its session up.
func (c *Client) connect(ctx context.Context, lang string, named bool) (*websocket.Conn, error) {
	query := url.Values{"intent": {"transcription"}}
	if named {
		query.Set("model", c.c.Model)
		query.Set("language", lang)
	}
	ws, err := c.remote.Socket(ctx, "realtime", query, maxEvent)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(setupTime)
	_, _ = ws.SetReadDeadline(end), ws.SetWriteDeadline(end)
	stop := context.AfterFunc(ctx, func() { _ = ws.Close() })
	err = c.setUp(ws, lang)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = ws.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w", c.remote.Host(), err)
	}
	return ws, ws.SetReadDeadline(time.Time{})
}

// setUp waits for the session and asks for what is wanted of it.
func (c *Client) setUp(ws *websocket.Conn, lang string) error {
	e, err := await(ws, "session.created", false)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoSession, err)
	}
	if e.flat() {
		if err := ws.WriteJSON(flatUpdate(c.c.Model, lang)); err != nil {
			return err
		}
		_, err = await(ws, "session.updated", true)
		return err
	}
	for _, update := range updates(c.c.Model, lang) {
		if err := ws.WriteJSON(update); err != nil {
			return err
		}
		var refused *ServerError
		if _, err = await(ws, "session.updated", false); !errors.As(err, &refused) {
			return err
		}
	}
	return err
}

var errNoSession = errors.New("the server begins no session")

// await reads events until one of a type. Complaints are what a server says
// before it does the rest of what it was asked for; where they are not
// tolerated, the first one is the error.
func await(ws *websocket.Conn, kind string, tolerant bool) (event, error) {
	told := error(nil)
	fail := func(err error) (event, error) {
		if told != nil {
			err = fmt.Errorf("%w; %w", told, err)
		}
		return event{}, err
	}
	for range setupMost {
		_, b, err := ws.ReadMessage()
		if err != nil {
			return fail(ended(err))
		}
		e, err := parse(b)
		if err != nil {
			return fail(err)
		}
		switch e.Type {
		case kind:
			return e, nil
		case "error":
			if told = e.failure(); !tolerant {
				return event{}, told
			}
		}
	}
	return fail(fmt.Errorf("%w: %d events without %s", remote.ErrAnswer, setupMost, kind))
}

type object map[string]any

// updates ask for a transcription session, with more than each server and
// model knows first: what it refuses, it is asked without.
func updates(model, lang string) []object {
	ask := func(transcription object, include ...string) object {
		session := object{"type": "transcription", "audio": object{"input": object{
			"format": object{"type": "audio/pcm", "rate": Rate}, "transcription": transcription, "turn_detection": nil,
		}}}
		if len(include) > 0 {
			session["include"] = include
		}
		return object{"type": "session.update", "session": session}
	}
	one, some := object{"model": model, "language": lang}, object{"model": model, "languages": []string{lang}}
	return []object{ask(one, "item.input_audio_transcription.logprobs"), ask(one), ask(some)}
}

// flatUpdate asks servers whose sessions have the form of the API's beta, as
// speaches. They know no null for the detection of turns: one that nothing
// triggers stands for it.
func flatUpdate(model, lang string) object {
	return object{"type": "session.update", "session": object{
		"input_audio_transcription": object{"model": model, "language": lang},
		"turn_detection": object{
			"type": "server_vad", "threshold": 1, "prefix_padding_ms": 0, "silence_duration_ms": 60_000, "create_response": false,
		},
	}}
}

// flat tells whether the session of a session.created has the beta's form.
func (e event) flat() bool {
	var session map[string]json.RawMessage
	if json.Unmarshal(e.Session, &session) != nil {
		return false
	}
	_, is := session["input_audio_transcription"]
	_, not := session["audio"]
	return is && !not
}

// Close ends all sessions and waits for what they have under way.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	for s := range c.sessions {
		s.doom(errClosed)
	}
	c.mu.Unlock()
	c.work.Wait()
	c.remote.Close()
}
