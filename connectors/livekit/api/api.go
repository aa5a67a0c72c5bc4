// Package api is the connector's HTTP: by it rooms are joined and left, LiveKit's webhook
// tells of rooms that begin and end, and the listener's page is there.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/webhook"

	"livedub/connectors/livekit/bot"
	"livedub/connectors/livekit/page"
	"livedub/connectors/livekit/wish"
)

const maxBody = 1 << 20

// Keeper keeps bots; *bot.Keeper is one.
type Keeper interface {
	Join(bot.Asked) error
	Leave(room string) bool
	States() []bot.State
}

// Config is what the endpoints need.
type Config struct {
	Keeper            Keeper
	APIKey, APISecret string // of LiveKit: its tokens are the API's, and sign its webhook
	Join              string // rooms that the webhook has joined: all, marked or none
	Log               *slog.Logger
}

// Serve serves at an address until ctx ends.
func Serve(ctx context.Context, address string, cfg Config) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	cfg.Log.Info("the API listens", "at", l.Addr())
	srv := &http.Server{Handler: Handler(cfg), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = srv.Shutdown(late)
	<-done
	return err
}

// Handler returns the endpoints.
func Handler(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]int{"rooms": len(cfg.Keeper.States()), "goroutines": runtime.NumGoroutine()})
	})
	mux.HandleFunc("GET /v1/rooms", cfg.list)
	mux.HandleFunc("POST /v1/rooms", cfg.join)
	mux.HandleFunc("DELETE /v1/rooms/{room}", cfg.leave)
	mux.HandleFunc("POST /webhook", cfg.webhook)
	mux.Handle("GET /", page.Handler())
	return mux
}

// may tells whether a request bears a token of LiveKit's that administers a room, or, for
// "", creates or lists rooms.
func (c Config) may(r *http.Request, room string) bool {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	v, err := auth.ParseAPIToken(raw)
	if err != nil || v.APIKey() != c.APIKey {
		return false
	}
	_, grants, err := v.Verify(c.APISecret)
	if err != nil || grants.Video == nil {
		return false
	}
	g := grants.Video
	return g.RoomCreate || g.RoomList && room == "" || g.RoomAdmin && g.Room == room && room != ""
}

func (c Config) list(w http.ResponseWriter, r *http.Request) {
	if !c.may(r, "") {
		refuse(w, http.StatusUnauthorized, "a LiveKit token with roomList or roomCreate is wanted")
		return
	}
	answer(w, http.StatusOK, map[string]any{"rooms": c.Keeper.States()})
}

func (c Config) join(w http.ResponseWriter, r *http.Request) {
	var a bot.Asked
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	in.DisallowUnknownFields()
	if err := in.Decode(&a); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not understood: "+err.Error())
		return
	}
	if !c.may(r, a.Room) {
		refuse(w, http.StatusUnauthorized, "a LiveKit token with roomCreate, or roomAdmin of that room, is wanted")
		return
	}
	if err := check(a); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	switch err := c.Keeper.Join(a); {
	case errors.Is(err, bot.ErrThere):
		refuse(w, http.StatusConflict, err.Error())
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err.Error())
	default:
		answer(w, http.StatusCreated, a)
	}
}

// check tells what is wrong with a room that is asked for.
func check(a bot.Asked) error {
	if a.Room == "" {
		return errors.New(`no "room" is named`)
	}
	if a.From != "" && a.From != "auto" && !wish.Language(a.From) {
		return fmt.Errorf("%q is no language: en, es, pt, or auto", a.From)
	}
	for _, l := range a.To {
		if !wish.Language(l) {
			return fmt.Errorf("%q is no language: es, pt, ca", l)
		}
	}
	return nil
}

func (c Config) leave(w http.ResponseWriter, r *http.Request) {
	room := r.PathValue("room")
	switch {
	case !c.may(r, room):
		refuse(w, http.StatusUnauthorized, "a LiveKit token with roomCreate, or roomAdmin of that room, is wanted")
	case !c.Keeper.Leave(room):
		refuse(w, http.StatusNotFound, "livedub is not in that room")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// webhook is what LiveKit tells: rooms that begin are joined, those that end are left.
func (c Config) webhook(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	e, err := webhook.ReceiveWebhookEvent(r, auth.NewSimpleKeyProvider(c.APIKey, c.APISecret))
	if err != nil {
		refuse(w, http.StatusUnauthorized, "not signed by LiveKit with this API key")
		return
	}
	c.heard(e)
	w.WriteHeader(http.StatusNoContent)
}

func (c Config) heard(e *livekit.WebhookEvent) {
	if e.GetRoom() == nil {
		return
	}
	switch room := e.GetRoom(); e.GetEvent() {
	case webhook.EventRoomStarted:
		a, wanted := Marked(room.GetName(), room.GetMetadata())
		if c.Join != "all" && (c.Join != "marked" || !wanted) {
			return
		}
		if err := c.Keeper.Join(a); err != nil && !errors.Is(err, bot.ErrThere) {
			c.Log.Warn("a room was not joined", "room", room.GetName(), "err", err)
		}
	case webhook.EventRoomFinished:
		// LiveKit waits for the answer, and the bot for LiveKit: it sees the end of the room itself.
		c.Log.Debug("a room has ended", "room", room.GetName())
	}
}

// Marked reads a room's metadata: {"livedub":true} or {"livedub":{"from":"en","to":["es"]}}
// wants livedub in it.
func Marked(name, metadata string) (bot.Asked, bool) {
	a := bot.Asked{Room: name}
	var m struct {
		Livedub json.RawMessage `json:"livedub"`
	}
	if json.Unmarshal([]byte(metadata), &m) != nil || len(m.Livedub) == 0 {
		return a, false
	}
	var yes bool
	if json.Unmarshal(m.Livedub, &yes) == nil {
		return a, yes
	}
	var said struct {
		From string   `json:"from"`
		To   []string `json:"to"`
	}
	if json.Unmarshal(m.Livedub, &said) != nil {
		return a, false
	}
	full := bot.Asked{Room: name, From: said.From, To: said.To}
	if check(full) != nil {
		return a, true // with what cannot be a language left out
	}
	return full, true
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}

func refuse(w http.ResponseWriter, status int, text string) {
	answer(w, status, map[string]string{"error": text})
}
