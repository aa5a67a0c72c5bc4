package member

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/cluster"
	"livedub/cluster/clustertest"
	"livedub/cluster/memory"
	"livedub/signaling/access"
)

// TestHandOver: what a node hands over is another's in the registry and goes on here;
// what nobody takes comes back.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, key := &clustertest.Flaky{Registry: memory.New(cluster.Rules{}, nil)}, access.RandomKey()
		a := newRig(t, reg, reg, key, "a")
		defer a.Close()
		c, err := claim(t, reg, a, "s", made)
		if err != nil {
			t.Fatal(err)
		}
		a.opened["s"] = "spec of it"
		if _, err := a.HandOver(t.Context(), "s", false); !errors.Is(err, cluster.ErrFull) || a.Fence("s") != int64(c.Fence) {
			t.Errorf("to nobody: %v, fence %d", err, a.Fence("s"))
		}
		if _, err := a.HandOver(t.Context(), "other", false); !errors.Is(err, cluster.ErrUnknown) {
			t.Errorf("an unknown one: %v", err)
		}
		b := newRig(t, reg, reg, key, "b")
		defer b.Close()
		reg.Away(true)
		if _, err := a.HandOver(t.Context(), "s", false); !errors.Is(err, cluster.ErrUnavailable) || a.Fence("s") != int64(c.Fence) {
			t.Errorf("without a registry: %v, fence %d", err, a.Fence("s"))
		}
		reg.Away(false)
		after(3 * time.Second)
		to, err := a.HandOver(t.Context(), "s", false)
		if err != nil || to.Node != "b" || to.Fence <= c.Fence || a.Fence("s") != 0 || len(a.claims()) != 0 {
			t.Fatalf("%+v, %v", to, err)
		}
		after(12 * time.Second) // heartbeats prove all claims; it is not confirmed yet
		if len(a.ended) > 0 {
			t.Errorf("ended here: %v", a.ended)
		}
		if err := a.TakeBack(t.Context(), "s"); err != nil || a.Fence("s") <= int64(to.Fence) {
			t.Errorf("back: %v, fence %d", err, a.Fence("s"))
		}
		after(time.Minute)
		if f, err := reg.Find(t.Context(), "s"); err != nil || f.Node != "a" || len(a.ended) > 0 {
			t.Errorf("%+v, %v, ended %v", f, err, a.ended)
		}
		if to, err = a.HandOver(t.Context(), "s", false); err != nil {
			t.Fatal(err)
		}
		if err := b.Take(t.Context(), to, func(context.Context) error { return nil }); err != nil || b.Fence("s") != int64(to.Fence) {
			t.Errorf("taken: %v", err)
		}
		if err := b.Take(t.Context(), to, func(context.Context) error { return errors.New("twice") }); err != nil {
			t.Error(err)
		}
		a.Ended("s") // frees nothing: it is b's
		after(time.Minute)
		if f, err := reg.Find(t.Context(), "s"); err != nil || f.Fence != to.Fence {
			t.Errorf("%+v, %v", f, err)
		}
		if err := a.TakeBack(t.Context(), "s"); err != nil {
			t.Errorf("an ended one: %v", err)
		}
		if a.Over(t.Context(), "s") {
			t.Error("over, and b has it")
		}
		b.Ended("s")
		if !a.Over(t.Context(), "s") {
			t.Error("not over")
		}
	})
}

// TestHandOverTooLate: what a gateway has moved meanwhile goes where that moved it.
func TestHandOverTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, key, a, c := holder(t)
		defer a.Close()
		b := newRig(t, reg, reg, key, "b")
		defer b.Close()
		moved, err := reg.Move(t.Context(), cluster.Ask{Session: "s", Cost: 1}, c.Fence)
		if err != nil {
			t.Fatal(err)
		}
		if to, err := a.HandOver(t.Context(), "s", false); err != nil || to != moved {
			t.Errorf("%+v, %v", to, err)
		}
	})
}

// linking is a node whose links are echoes.
func linking(t *testing.T, key access.Key, id string) (*Member, cluster.Claim) {
	t.Helper()
	reg := memory.New(cluster.Rules{}, nil)
	var m *Member
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Guard(mux).ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	m = New(Config{Registry: reg, Saved: reg, Key: key, Self: func() cluster.Node { return cluster.Node{ID: id, Boot: "1", Addr: srv.URL} },
		Link: func(_ context.Context, conn net.Conn, c cluster.Claim) {
			defer conn.Close()
			if c.Session != "s" || c.Fence != 7 || c.Cost != 2 {
				t.Errorf("%+v", c)
			}
			_, _ = io.Copy(conn, conn)
		}})
	return m, cluster.Claim{Session: "s", Node: id, Boot: "1", Addr: srv.URL, Fence: 7, Cost: 2}
}

// TestDial leads to the right run of the right node of the right cluster, and nobody else.
func TestDial(t *testing.T) {
	key := access.RandomKey()
	m, c := linking(t, key, "b")
	m.seen()
	conn, err := m.Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 5)
	if _, err := io.ReadFull(conn, back); err != nil || string(back) != "hello" {
		t.Errorf("%q, %v", back, err)
	}
	conn.Close()
	stranger := New(Config{Key: access.RandomKey(), Self: func() cluster.Node { return cluster.Node{ID: "x", Boot: "1"} }})
	if _, err := stranger.Dial(t.Context(), c); err == nil || !strings.Contains(err.Error(), "421") {
		t.Errorf("of another cluster: %v", err)
	}
	other := c
	other.Boot = "2"
	if _, err := m.Dial(t.Context(), other); err == nil {
		t.Error("another run is reached")
	}
	other = c
	other.Fence = 0
	if _, err := m.Dial(t.Context(), other); err == nil {
		t.Error("a claim without a fence is linked")
	}
	for _, addr := range []string{"", "http://127.0.0.1:1", "https" + strings.TrimPrefix(c.Addr, "http")} {
		other.Addr = addr
		if _, err := m.Dial(t.Context(), other); err == nil {
			t.Errorf("%q is reached", addr)
		}
	}
	resp, err := http.Get(c.Addr + linkPath) // without a pass
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("without a pass: %d", resp.StatusCode)
	}
}

// TestGone: a node that does not answer, or as another run, is gone.
func TestGone(t *testing.T) {
	key := access.RandomKey()
	m, c := linking(t, key, "b")
	m.seen()
	a := New(Config{Key: key, Self: func() cluster.Node { return cluster.Node{ID: "a", Boot: "1"} }})
	other, dead := c, c
	other.Boot, dead.Addr = "2", "http://127.0.0.1:1"
	a.gone = map[string]cluster.Claim{"s": c, "other": other, "dead": dead}
	for id, want := range map[string]bool{"s": false, "other": true, "dead": true, "unknown": false} {
		if got := a.Gone(t.Context(), id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if a.Gone(ended, "dead") {
		t.Error("gone, and nobody waits for it")
	}
}

// TestDialLiars: what answers like no node is no link.
func TestDialLiars(t *testing.T) {
	m, c := linking(t, access.RandomKey(), "b")
	for name, answer := range map[string]string{
		"no node":      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: livedub-link\r\n\r\n",
		"speaks first": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: livedub-link\r\nLivedub-Node: b/1\r\n\r\nmore",
		"refuses":      "HTTP/1.1 404 Not Found\r\nLivedub-Node: b/1\r\nContent-Length: 0\r\n\r\n",
		"nonsense":     strings.Repeat("x", 10000),
		"nothing":      "",
	} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte(answer))
		}()
		c.Addr = "http://" + l.Addr().String()
		if _, err := m.Dial(t.Context(), c); err == nil {
			t.Errorf("%s: linked", name)
		}
		l.Close()
		<-done
	}
}
