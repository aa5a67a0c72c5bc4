package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// maxRooms is how many rooms one process is in at once.
const maxRooms = 256

var (
	// ErrThere says that a room has a bot already.
	ErrThere = errors.New("livedub is in that room already")
	// ErrFull says that the process is in as many rooms as it may.
	ErrFull = fmt.Errorf("livedub is in %d rooms, and may be in no more", maxRooms)
	// ErrClosed says that the process is ending.
	ErrClosed = errors.New("livedub is leaving all rooms")
)

// Asked is a room that livedub is asked to join, and what differs there.
type Asked struct {
	Room  string   `json:"room"`
	From  string   `json:"from,omitempty"`
	To    []string `json:"to,omitempty"`
	Again bool     `json:"again,omitempty"` // join anew when the room was closed
}

// Keeper keeps the bots of many rooms.
type Keeper struct {
	cfg   Config
	ctx   context.Context
	stop  context.CancelFunc
	empty chan error // holds one: the last bot has ended, and why

	mu   sync.Mutex
	bots map[string]*kept
	wg   sync.WaitGroup
}

type kept struct {
	bot    *Bot
	cancel context.CancelFunc
	done   chan struct{}
}

// NewKeeper returns a keeper whose bots are as cfg says.
func NewKeeper(cfg Config) *Keeper {
	ctx, stop := context.WithCancel(context.Background())
	return &Keeper{cfg: cfg, ctx: ctx, stop: stop, empty: make(chan error, 1), bots: map[string]*kept{}}
}

// Join has a bot join a room, and stay.
func (k *Keeper) Join(a Asked) error {
	cfg := k.cfg
	cfg.Room, cfg.Again = a.Room, a.Again
	if a.From != "" {
		cfg.From = a.From
	}
	if len(a.To) > 0 {
		cfg.To = a.To
	}
	b, err := New(cfg)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.ctx.Err() != nil:
		return ErrClosed
	case k.bots[a.Room] != nil:
		return ErrThere
	case len(k.bots) >= maxRooms:
		return ErrFull
	}
	ctx, cancel := context.WithCancel(k.ctx)
	one := &kept{b, cancel, make(chan struct{})}
	k.bots[a.Room] = one
	k.wg.Go(func() {
		defer close(one.done)
		defer cancel()
		err := errors.New("the bot ended by a panic")
		guard(cfg.Log, "room "+a.Room, func() { err = b.Run(ctx) })
		if err != nil {
			cfg.Log.Warn("out of the room", "room", a.Room, "err", err)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.bots, a.Room)
		if len(k.bots) == 0 {
			select {
			case k.empty <- err:
			default: // nobody has looked since the last time
			}
		}
	})
	return nil
}

// Leave has the bot of a room leave, and waits until it has; false where there is none.
func (k *Keeper) Leave(room string) bool {
	k.mu.Lock()
	one := k.bots[room]
	k.mu.Unlock()
	if one == nil {
		return false
	}
	one.cancel()
	<-one.done
	return true
}

// States returns what each bot does, by room.
func (k *Keeper) States() []State {
	k.mu.Lock()
	bots := slices.Collect(maps.Values(k.bots))
	k.mu.Unlock()
	out := []State{}
	for _, one := range bots {
		out = append(out, one.bot.State())
	}
	slices.SortFunc(out, func(a, b State) int { return compare(a.Room, b.Room) })
	return out
}

// Empty tells when no bot is left, and why the last one has ended.
func (k *Keeper) Empty() <-chan error { return k.empty }

// Close has all bots leave, and waits for them.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.stop()
	k.mu.Unlock()
	k.wg.Wait()
}
