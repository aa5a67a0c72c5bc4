package child

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/worker/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parrot answers what it is asked, and refuses nothing.
type parrot struct{ noted int }

func (p *parrot) Notice([]byte) { p.noted++ }

func (p *parrot) Answer(_ context.Context, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errors.New("nothing asked")
	}
	return b, nil
}

func openParrot() (Engine, []byte, error) { return &parrot{}, []byte("hello"), nil }

func TestServe(t *testing.T) {
	var in, out bytes.Buffer
	for i, m := range []wire.Message{
		{Kind: wire.Request, Body: []byte("a")}, {Kind: wire.Notice}, {Kind: wire.Request}, {Kind: wire.Request, Body: []byte("b")},
	} {
		m.ID = uint32(i + 1)
		if err := wire.Write(&in, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := serve(&in, &out, openParrot); err != nil {
		t.Fatal(err)
	}
	for _, want := range []wire.Message{
		{Kind: wire.Hello, Body: []byte("hello")}, {Kind: wire.Reply, ID: 1, Body: []byte("a")},
		{Kind: wire.Refusal, ID: 3, Body: []byte("nothing asked")}, {Kind: wire.Reply, ID: 4, Body: []byte("b")},
	} {
		if m, err := wire.Read(&out, 100); err != nil || m.Kind != want.Kind || m.ID != want.ID || !bytes.Equal(m.Body, want.Body) {
			t.Errorf("%v %d %q, %v; want %v %d %q", m.Kind, m.ID, m.Body, err, want.Kind, want.ID, want.Body)
		}
	}
	if out.Len() > 0 {
		t.Errorf("%d bytes more", out.Len())
	}
}

// What was sent before a Cancel is not done if it was not begun, and all is answered in order.
func TestCancel(t *testing.T) {
	r, w := io.Pipe()
	begun := make(chan bool)
	engine := &waiter{begun: begun}
	var out bytes.Buffer
	done := make(chan error)
	go func() { done <- serve(r, &out, func() (Engine, []byte, error) { return engine, nil, nil }) }()
	send := func(k wire.Kind, id uint32) {
		if err := wire.Write(w, wire.Message{Kind: k, ID: id}); err != nil {
			t.Error(err)
		}
	}
	send(wire.Request, 1)
	<-begun
	send(wire.Notice, 2)
	send(wire.Request, 3)
	send(wire.Cancel, 4)
	_ = w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Read(&out, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		id   uint32
		kind wire.Kind
	}{{1, wire.Refusal}, {3, wire.Refusal}, {4, wire.Reply}} {
		if m, err := wire.Read(&out, 100); err != nil || m.ID != want.id || m.Kind != want.kind {
			t.Errorf("%v %d, %v; want %v %d", m.Kind, m.ID, err, want.kind, want.id)
		}
	}
	if engine.asked != 1 || engine.noted != 0 {
		t.Errorf("%d requests and %d notices were begun, want the first request alone", engine.asked, engine.noted)
	}
}

// waiter answers when nobody waits any more.
type waiter struct {
	begun        chan bool
	asked, noted int
}

func (w *waiter) Notice([]byte) { w.noted++ }

func (w *waiter) Answer(ctx context.Context, _ []byte) ([]byte, error) {
	w.asked++
	w.begun <- true
	<-ctx.Done()
	return nil, ctx.Err()
}

// Whatever comes in, answers are frames, in order, and the worker ends with its input.
func FuzzServe(f *testing.F) {
	f.Add(wire.Append(wire.Append(nil, wire.Message{Kind: wire.Request, ID: 1, Body: []byte("a")}), wire.Message{Kind: wire.Cancel, ID: 2}))
	f.Add(wire.Append(nil, wire.Message{Kind: wire.Reply, ID: 1}))
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		_ = serve(bytes.NewReader(in), &out, openParrot)
		for n := 0; out.Len() > 0; n++ {
			m, err := wire.Read(&out, MaxRequest)
			if err != nil || (n == 0) != (m.Kind == wire.Hello) || n > 0 && m.Kind != wire.Reply && m.Kind != wire.Refusal {
				t.Fatalf("message %d is a %v: %v", n, m.Kind, err)
			}
		}
	})
}
