// Package bot is livedub's participant of a LiveKit room: it hears who agreed to be
// dubbed, has livedub dub them, and publishes each dub for who asked for its language.
package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"

	"livedub/connectors/livekit/doors"
	"livedub/connectors/livekit/wish"
)

const (
	beat     = time.Second // between two looks at the room, where nothing happens
	minRetry = time.Second
	maxRetry = 30 * time.Second
	maxPause = 5 * time.Second  // the same, between tries to connect to a session that is there
	hold     = 10 * time.Second // a stay of so long counts as one: the next try waits the least time
)

// Config is what a bot needs.
type Config struct {
	URL, APIKey, APISecret string // of LiveKit
	Room                   string
	Identity               string   // of the bot
	From                   string   // what is spoken by who does not say
	To                     []string // languages that may be asked for; nil: all that livedub has
	Profile                string   // of livedub's sessions
	DelayMS                *int     // nil: the profile's
	Speakers               int      // dubbed at once, at most; 0: any number
	Quiet                  time.Duration
	Again                  bool // join anew when the room was closed
	Livedub                *doors.Client
	Log                    *slog.Logger
}

// errOver is a reason to leave a room for good.
var errOver = errors.New("left for good")

// Bot is livedub in one room.
type Bot struct {
	cfg Config
	api *webrtc.API

	mu    sync.Mutex
	state State
}

// New returns a bot that Run has join.
func New(cfg Config) (*Bot, error) {
	api, err := doors.NewAPI()
	if err != nil {
		return nil, err
	}
	return &Bot{cfg: cfg, api: api, state: State{Room: cfg.Room, Speakers: map[string]Speaker{}}}, nil
}

// Run joins the room and dubs until ctx ends; then it leaves. Where the connection is
// lost it joins anew, for as long as it takes. It returns an error where it must not come
// back: it was removed, or another participant has taken its identity.
func (b *Bot) Run(ctx context.Context) error {
	wait := minRetry
	for {
		began := time.Now()
		err := b.join(ctx)
		b.set(func(s *State) { s.Joined, s.Speakers = false, map[string]Speaker{} })
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOver):
			return err
		case time.Since(began) > hold:
			wait = minRetry
		}
		b.cfg.Log.Warn("not in the room: joining again", "room", b.cfg.Room, "in", wait, "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, maxRetry)
	}
}

// token returns what lets the bot in. It is an agent: LiveKit keeps no room open for it,
// and passes on transcriptions of agents alone.
func (b *Bot) token() (string, error) {
	yes := true
	grant := &auth.VideoGrant{RoomJoin: true, Room: b.cfg.Room, CanUpdateOwnMetadata: &yes}
	grant.SetCanPublish(true)
	grant.SetCanPublishData(true)
	grant.SetCanSubscribe(true)
	return auth.NewAccessToken(b.cfg.APIKey, b.cfg.APISecret).
		SetVideoGrant(grant).SetIdentity(b.cfg.Identity).SetName("livedub").
		SetKind(livekit.ParticipantInfo_AGENT).SetAttributes(map[string]string{wish.Bot: "true"}).ToJWT()
}

// codecs are those that livedub takes. LiveKit has a publisher of another one send a
// second stream in VP8, as it does for every participant that lacks a codec.
func codecs() []livekit.Codec {
	return []livekit.Codec{
		{Mime: webrtc.MimeTypeOpus}, {Mime: webrtc.MimeTypeVP8},
		{Mime: webrtc.MimeTypeH264, FmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
	}
}

// join joins once and stays until ctx ends or the connection is lost for good.
func (b *Bot) join(ctx context.Context) error {
	token, err := b.token()
	if err != nil {
		return err
	}
	interceptors, err := doors.Interceptors()
	if err != nil {
		return err
	}
	s := newStay(b)
	s.room = lksdk.NewRoom(s.callbacks())
	// The connection outlives ctx, so that the room is told of the leaving.
	err = s.room.JoinWithContextAndToken(context.WithoutCancel(ctx), b.cfg.URL, token,
		lksdk.WithAutoSubscribe(false), lksdk.WithInterceptors(interceptors), lksdk.WithIncludeDefaultInterceptors(false),
		lksdk.WithCodecs(codecs()), lksdk.WithLogger(logger.GetDiscardLogger()))
	if err != nil {
		return fmt.Errorf("join room %q at %s: %w", b.cfg.Room, b.cfg.URL, err)
	}
	b.cfg.Log.Info("joined", "room", b.cfg.Room, "as", b.cfg.Identity)
	b.set(func(st *State) { st.Joined = true })
	defer s.leave()
	return s.run(ctx)
}

// over tells why a bot must not come back after a reason of LiveKit's; nil where it may.
func (b *Bot) over(reason livekit.DisconnectReason) error {
	switch reason {
	case livekit.DisconnectReason_DUPLICATE_IDENTITY:
		return fmt.Errorf("%w: another participant %q has come to room %q", errOver, b.cfg.Identity, b.cfg.Room)
	case livekit.DisconnectReason_PARTICIPANT_REMOVED:
		return fmt.Errorf("%w: removed from room %q", errOver, b.cfg.Room)
	case livekit.DisconnectReason_ROOM_DELETED, livekit.DisconnectReason_ROOM_CLOSED:
		if !b.cfg.Again {
			return fmt.Errorf("%w: room %q was closed", errOver, b.cfg.Room)
		}
	}
	return nil
}

// latest is a value of which only the newest counts, and that can be waited for.
type latest[T any] struct {
	mu      sync.Mutex
	v       T
	changed chan struct{}
}

func newLatest[T any](v T) *latest[T] { return &latest[T]{v: v, changed: make(chan struct{})} }

// set puts a value in the place of the one before.
func (l *latest[T]) set(v T) { l.change(func(T) T { return v }) }

// change makes the value anew of what it is.
func (l *latest[T]) change(f func(T) T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.v = f(l.v)
	close(l.changed)
	l.changed = make(chan struct{})
}

// get returns the value and what is closed when there is another.
func (l *latest[T]) get() (T, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.v, l.changed
}

// guard keeps a panic of one job from ending the process, and tells of it.
func guard(log *slog.Logger, name string, job func()) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("a job ended by a panic", "job", name, "panic", r)
		}
	}()
	job()
}

// pairs tells which languages livedub dubs to which; until it has told, all.
type pairs map[string][]string

func (p pairs) has(from, to string) bool {
	if p == nil {
		return true
	}
	if from == "auto" {
		for _, to2 := range p {
			if slices.Contains(to2, to) {
				return true
			}
		}
		return false
	}
	return slices.Contains(p[from], to)
}
