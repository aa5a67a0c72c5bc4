package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/cluster/memory"
	"livedub/cluster/redis"
	"livedub/inference"
	"livedub/inference/fake"
	"livedub/internal/testkit/redistest"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/member"
)

// keptLedger is a registry that keeps checkpoints too.
type keptLedger interface {
	cluster.Registry
	cluster.Checkpoints
}

// timed is a registry that notes the shortest way of a heartbeat.
type timed struct {
	keptLedger
	trip atomic.Int64
}

func (r *timed) Beat(ctx context.Context, n cluster.Node) (cluster.Pulse, error) {
	p, err := r.keptLedger.Beat(ctx, n)
	if was := r.trip.Load(); err == nil && (was == 0 || int64(p.Trip) < was) {
		r.trip.Store(max(1, int64(p.Trip)))
	}
	return p, err
}

// newNode returns the sessions of a node in a cluster, whose clock is off by skew. It
// has been told by how much, to within 10 ms.
func newNode(t *testing.T, open func(skew time.Duration) keptLedger, skew time.Duration, key access.Key, id string, log *slog.Logger) *calls {
	t.Helper()
	reg := &timed{keptLedger: open(skew)}
	c := &calls{engines: spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}}}
	c.manager = live.NewManager(live.ManagerConfig{
		Engines: c.engines, Base: spec.Config{Profile: spec.Sync, Delay: 4 * time.Second, Log: log}, Max: 4, Idle: time.Minute,
		Saver: saver{c}, Now: func() time.Time { return c.now().Add(skew) }, Ended: func(id string) { c.member.Ended(id) },
	})
	c.member = member.New(member.Config{
		Registry: reg, Saved: reg, Key: key, Sessions: carried{c}, Log: log,
		Self: func() cluster.Node {
			return cluster.Node{ID: id, Boot: "boot-" + id, Addr: "http://" + id + ":80", State: cluster.Serving, Capacity: 4}
		},
	})
	if err := c.member.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); reg.trip.Load() > int64(20*time.Millisecond); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Skipf("no heartbeat of %s took less than 20 ms", id)
		}
	}
	t.Cleanup(func() {
		c.member.Leaving()
		c.manager.Close()
		c.member.Close()
	})
	return c
}

// forward sends a node what a gateway forwards for a claim.
func forward(t *testing.T, c *calls, id string, key access.Key, claim cluster.Claim) int {
	t.Helper()
	path := "/v1/sessions/" + claim.Session
	req := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	req.Header.Set(signaling.PassHeader, signaling.NewPassKey(key).Seal(signaling.Pass{Node: id, Boot: "boot-" + id, Session: claim.Session, Fence: int64(claim.Fence), Cost: 1}, "GET", path, time.Now()))
	w := httptest.NewRecorder()
	c.member.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, req)
	return w.Code
}

// skewed is a registry in memory as a node sees it whose clock is off.
type skewed struct {
	*memory.Registry
	by time.Duration
}

func (s skewed) Beat(ctx context.Context, n cluster.Node) (cluster.Pulse, error) {
	p, err := s.Registry.Beat(ctx, n)
	p.Offset -= s.by
	return p, err
}

// TestCheckpointsInRegistry: a session's checkpoint follows it to the registry and from
// there to another node, in words that nobody without the secret reads, and goes with it.
func TestCheckpointsInRegistry(t *testing.T) {
	const ahead, behind = 200 * time.Millisecond, -200 * time.Millisecond
	for name, start := range map[string]func(*testing.T) func(time.Duration) keptLedger{
		"memory": func(*testing.T) func(time.Duration) keptLedger {
			reg := memory.New(cluster.Rules{}, nil)
			return func(skew time.Duration) keptLedger { return skewed{reg, skew} }
		},
		"redis": func(t *testing.T) func(time.Duration) keptLedger {
			server := redistest.Start(t)
			return func(skew time.Duration) keptLedger {
				reg, err := redis.New(redis.Options{Addrs: []string{server.Addr}, Now: func() time.Time { return time.Now().Add(skew) }}, cluster.Rules{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { reg.Close() })
				return reg
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			open := start(t)
			reg, key, log := open(0), access.RandomKey(), &bytes.Buffer{}
			a := newNode(t, open, ahead, key, "a", slog.New(slog.DiscardHandler))
			claim, err := reg.Place(t.Context(), cluster.Ask{Session: "s", Cost: 1})
			if err != nil {
				t.Fatal(err)
			}
			made := signaling.WithPass(t.Context(), signaling.Pass{Session: "s", Fence: int64(claim.Fence), Cost: 1, Create: true})
			call, err := a.open(made, spec.Spec{ID: "s", From: "en", To: []inference.Lang{"es"}})
			if err != nil {
				t.Fatal(err)
			}
			outputs := []spec.Output{{ID: "one", URL: "rtmp://live.example/live/secret", Langs: []string{"es"}}}
			call.SetOutputs(outputs)
			call.Tell(record.Record{Output: &record.Output{ID: "one", State: "added"}})
			said := inference.Phrase{Lang: "en", Text: "a word that is secret", Final: true, Start: time.Millisecond, End: 2 * time.Millisecond}
			kept := func() (parts [][]byte) {
				parts, _, err = reg.Load(context.Background(), "s")
				return parts
			}
			for end := time.Now().Add(20 * time.Second); len(kept()) < 3; time.Sleep(300 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d parts are kept, %v", len(kept()), err)
				}
				said.ID++
				call.Tell(record.Said("en", said))
			}
			events := call.Records().Last()
			if bytes.Contains(bytes.Join(kept(), nil), []byte("secret")) {
				t.Error("words can be read")
			}

			other := access.RandomKey()
			stranger := newNode(t, open, 0, other, "b", slog.New(slog.NewTextHandler(log, nil)))
			move := func(to string) {
				t.Helper()
				if claim, err = reg.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, claim.Fence); err != nil || claim.Node != to {
					t.Fatalf("moved to %q, %v", claim.Node, err)
				}
			}
			move("b")
			if code := forward(t, stranger, "b", other, claim); code == http.StatusNoContent || !strings.Contains(log.String(), "cluster.secret") {
				t.Errorf("a node with another secret opened the session: %d, %s", code, log)
			}
			a.member.Close()
			c := newNode(t, open, behind, key, "c", slog.New(slog.DiscardHandler))
			move("c")
			if code := forward(t, c, "c", key, claim); code != http.StatusNoContent {
				t.Fatalf("not taken over: %d", code)
			}
			next, err := c.manager.Get("s")
			if err != nil {
				t.Fatal(err)
			}
			if d := next.Clock.Now() - call.Clock.Now(); d.Abs() > 20*time.Millisecond || next.Epoch != call.Epoch {
				t.Errorf("the clock is off by %v, epoch %s was %s", d, next.Epoch, call.Epoch)
			}
			if !reflect.DeepEqual(next.Outputs(), outputs) {
				t.Errorf("sent on to %+v", next.Outputs())
			}
			p, err := next.Records().Phrases(t.Context())
			if err != nil || len(p.All) < said.ID-1 || p.All[0].Text != said.Text || next.Records().Last() <= events {
				t.Errorf("%+v, %v, record %d", p, err, next.Records().Last())
			}
			if err := c.Delete("s"); err != nil {
				t.Error(err)
			}
			if _, _, err := reg.Load(t.Context(), "s"); !errors.Is(err, cluster.ErrUnknown) {
				t.Errorf("it is still kept: %v", err)
			}
		})
	}
}
