package bot

import (
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLatest(t *testing.T) {
	l := newLatest(1)
	v, changed := l.get()
	if v != 1 {
		t.Fatal(v)
	}
	select {
	case <-changed:
		t.Fatal("changed before it was")
	default:
	}
	l.change(func(v int) int { return v + 1 })
	<-changed
	if v, _ := l.get(); v != 2 {
		t.Fatal(v)
	}
}

func TestGate(t *testing.T) {
	g := newGate()
	var all sync.WaitGroup
	entered := 0
	for range 20 {
		if g.enter() {
			entered++
			all.Go(g.done)
		}
	}
	g.close()
	if entered != 20 || g.enter() {
		t.Errorf("%d entered, and one behind the end: %v", entered, g.enter())
	}
	all.Wait()
}

func TestGuard(t *testing.T) {
	guard(slog.New(slog.DiscardHandler), "a job", func() { panic("of the job") })
}

func TestPairs(t *testing.T) {
	p := pairs{"en": {"es", "ca"}, "es": {"pt"}}
	for _, tt := range []struct {
		from, to string
		want     bool
	}{{"en", "es", true}, {"en", "pt", false}, {"fr", "es", false}, {"auto", "pt", true}, {"auto", "ja", false}} {
		if got := p.has(tt.from, tt.to); got != tt.want {
			t.Errorf("%s to %s: %v", tt.from, tt.to, got)
		}
	}
	if !pairs(nil).has("en", "es") {
		t.Error("until livedub has told, all may be asked for")
	}
}

func TestOver(t *testing.T) {
	for _, tt := range []struct {
		reason livekit.DisconnectReason
		again  bool
		over   bool
	}{
		{livekit.DisconnectReason_DUPLICATE_IDENTITY, true, true}, {livekit.DisconnectReason_PARTICIPANT_REMOVED, true, true},
		{livekit.DisconnectReason_ROOM_CLOSED, false, true}, {livekit.DisconnectReason_ROOM_CLOSED, true, false},
		{livekit.DisconnectReason_SERVER_SHUTDOWN, false, false}, {livekit.DisconnectReason_UNKNOWN_REASON, false, false},
	} {
		b := &Bot{cfg: Config{Again: tt.again}}
		if err := b.over(tt.reason); errors.Is(err, errOver) != tt.over {
			t.Errorf("%v: %v", tt.reason, err)
		}
	}
}

func TestKeeper(t *testing.T) {
	// Nothing listens there: the bot goes on trying until it is told to leave.
	k := NewKeeper(Config{URL: "ws://127.0.0.1:1", APIKey: "key", APISecret: "secret", Identity: "livedub", Log: slog.New(slog.DiscardHandler)})
	if err := k.Join(Asked{Room: "b"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Join(Asked{Room: "a"})); err != nil {
		t.Fatal(err)
	}
	if err := k.Join(Asked{Room: "a"}); !errors.Is(err, ErrThere) {
		t.Errorf("%v", err)
	}
	if s := k.States(); len(s) != 2 || s[0].Room != "a" || s[0].Joined {
		t.Errorf("%+v", s)
	}
	if !k.Leave("a") || k.Leave("a") {
		t.Error("a room is left once")
	}
	k.Close()
	if err := <-k.Empty(); err != nil {
		t.Error(err)
	}
	if err := k.Join(Asked{Room: "c"}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}
