package kserve

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/inference/engine"
	"livedub/inference/kserve/kservetest"
	"livedub/internal/testkit/groundtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sum is a net of two inputs and two outputs: [N,2] and [N,1] to their sums [N,2] and to [N,1].
type sum struct{}

func (sum) Inputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "a", Shape: []int{-1, 2}, Type: "fp32"}, {Name: "b", Shape: []int{-1, 1}, Type: "fp32"}}
}

func (sum) Outputs() []inference.TensorInfo {
	return []inference.TensorInfo{{Name: "sum", Shape: []int{-1, 2}, Type: "fp32"}, {Name: "b", Shape: []int{-1, 1}, Type: "fp32"}}
}

func (sum) Run(_ context.Context, in []inference.Tensor) ([]inference.Tensor, error) {
	out := inference.Tensor{Shape: in[0].Shape, Data: slices.Clone(in[0].Data)}
	for i := range out.Data {
		out.Data[i] += in[1].Data[i/2]
	}
	return []inference.Tensor{out, in[1]}, nil
}

func (sum) Close() error { return nil }

func batch() []inference.Tensor {
	return []inference.Tensor{
		{Shape: []int{3, 2}, Data: []float32{1, 2, 3, 4, 5, 6}},
		{Shape: []int{3, 1}, Data: []float32{10, 20, 30}},
	}
}

func serve(t *testing.T) *kservetest.Server {
	t.Helper()
	s, err := kservetest.Serve(sum{}, "sum")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, addr string) *Model {
	t.Helper()
	m, err := Open(t.Context(), Config{Addr: addr, Model: "sum", Timeout: time.Second, MaxMessageMB: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func wantSum(t *testing.T, m inference.Model) {
	t.Helper()
	out, err := m.Run(t.Context(), batch())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out[0].Data, []float32{11, 12, 23, 24, 35, 36}) || !slices.Equal(out[0].Shape, []int{3, 2}) ||
		!slices.Equal(out[1].Data, []float32{10, 20, 30}) {
		t.Errorf("got %v", out)
	}
}

func TestRun(t *testing.T) {
	s := serve(t)
	m := open(t, s.Addr)
	in, out := m.Inputs(), m.Outputs()
	if len(in) != 2 || in[0].Name != "a" || !slices.Equal(in[0].Shape, []int{-1, 2}) || in[0].Type != "fp32" || len(out) != 2 || out[0].Name != "sum" {
		t.Errorf("takes %v, gives %v", in, out)
	}
	wantSum(t, m)
	s.Set(kservetest.Typed)
	wantSum(t, m)
	s.Set(kservetest.None)
	s.Cut()
	if _, err := m.Run(t.Context(), batch()); err != nil && !errors.Is(err, inference.ErrModelGone) {
		t.Errorf("got %v", err)
	}
	wantEventually(t, m)
}

// wantEventually runs until the connection is there again.
func wantEventually(t *testing.T, m inference.Model) {
	t.Helper()
	for range 100 {
		if _, err := m.Run(t.Context(), batch()); err == nil {
			wantSum(t, m)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("never again")
}

func TestFaults(t *testing.T) {
	plain := errors.New("plain")
	for fault, want := range map[kservetest.Fault]error{
		kservetest.Stall: inference.ErrModelGone, kservetest.Disconnect: inference.ErrModelGone, kservetest.NoModel: inference.ErrModelGone,
		kservetest.Memory: inference.ErrModelMemory, kservetest.Refuse: plain,
		kservetest.Shape: plain, kservetest.Batch: plain, kservetest.Size: plain, kservetest.Type: plain, kservetest.Name: plain,
		kservetest.Missing: plain, kservetest.Huge: plain, kservetest.Negative: plain,
	} {
		t.Run(string(fault), func(t *testing.T) {
			s := serve(t)
			m := open(t, s.Addr)
			s.Set(fault)
			_, err := m.Run(t.Context(), batch())
			switch {
			case err == nil:
				t.Fatal("no error")
			case !strings.Contains(err.Error(), s.Addr) || len(err.Error()) > 600:
				t.Errorf("says %v", err)
			case !errors.Is(want, plain) && !errors.Is(err, want), errors.Is(want, plain) && (errors.Is(err, inference.ErrModelGone) || errors.Is(err, inference.ErrModelMemory)):
				t.Errorf("got %v", err)
			}
			s.Set(kservetest.None)
			wantEventually(t, m)
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		s := serve(t)
		m := open(t, s.Addr)
		s.Set(kservetest.Stall)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := m.Run(ctx, batch()); !errors.Is(err, context.Canceled) || errors.Is(err, inference.ErrModelGone) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("more than a message", func(t *testing.T) {
		m := open(t, serve(t).Addr)
		n := 1 << 18
		in := []inference.Tensor{{Shape: []int{n, 2}, Data: make([]float32, 2*n)}, {Shape: []int{n, 1}, Data: make([]float32, n)}}
		if _, err := m.Run(t.Context(), in); err == nil || !strings.Contains(err.Error(), "1 MB") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what the net does not take", func(t *testing.T) {
		m := open(t, serve(t).Addr)
		for _, in := range [][]inference.Tensor{
			nil, batch()[:1],
			{batch()[0], {Shape: []int{2, 1}, Data: make([]float32, 2)}},
			{{Shape: []int{3, 2}, Data: make([]float32, 5)}, batch()[1]},
			{{Shape: []int{3, 3}, Data: make([]float32, 9)}, batch()[1]},
			{{Shape: []int{-1, 2}}, batch()[1]},
			{{Shape: []int{1 << 40, 1 << 40}}, batch()[1]},
			{{}, {}},
		} {
			if _, err := m.Run(t.Context(), in); err == nil {
				t.Errorf("took %v", in)
			}
		}
	})
}

func TestOpen(t *testing.T) {
	s := serve(t)
	for _, c := range []Config{
		{}, {Addr: s.Addr}, {Addr: "localhost", Model: "sum"}, {Addr: s.Addr, Model: "sum", MaxMessageMB: 1 << 20},
	} {
		if _, err := Open(t.Context(), c); err == nil || errors.Is(err, inference.ErrModelGone) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	gone := map[string]func(*Config){
		"no such model": func(c *Config) { c.Model = "another" },
		"no TLS there":  func(c *Config) { c.TLS = true },
		"nobody there":  func(c *Config) { c.Addr = groundtest.FreeAddr(t) },
	}
	for _, f := range []kservetest.Fault{kservetest.NotReady, kservetest.NoModel} {
		gone[string(f)] = func(*Config) { s.Set(f) }
	}
	for name, change := range gone {
		c := Config{Addr: s.Addr, Model: "sum", Timeout: time.Second}
		change(&c)
		if _, err := Open(t.Context(), c); !errors.Is(err, inference.ErrModelGone) {
			t.Errorf("%s: got %v", name, err)
		}
		s.Set(kservetest.None)
	}
	for _, f := range []kservetest.Fault{kservetest.HugeNet, kservetest.NoShape, kservetest.Strange, kservetest.Twice, kservetest.NoTensors, kservetest.Negative} {
		s.Set(f)
		if _, err := Open(t.Context(), Config{Addr: s.Addr, Model: "sum"}); err == nil || errors.Is(err, inference.ErrModelGone) {
			t.Errorf("%s: got %v", f, err)
		}
	}
}

// TestSilence: something accepts and says nothing, or says something else.
func TestSilence(t *testing.T) {
	for name, say := range map[string]string{"nothing": "", "HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "noise": strings.Repeat("\x00\xff", 5000)} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				var all []net.Conn
				for {
					c, err := l.Accept()
					if err != nil {
						break
					}
					_, _ = c.Write([]byte(say))
					all = append(all, c)
				}
				for _, c := range all {
					_ = c.Close()
				}
			}()
			_, err = Open(t.Context(), Config{Addr: l.Addr().String(), Model: "sum", Timeout: 300 * time.Millisecond})
			if !errors.Is(err, inference.ErrModelGone) {
				t.Errorf("got %v", err)
			}
			_ = l.Close()
			<-done
		})
	}
}

// TestLoop: behind the loop, a server that goes away is answered for and found again.
func TestLoop(t *testing.T) {
	s := serve(t)
	l, err := engine.New(t.Context(), engine.Config{Name: "sum", MaxBatch: 4, Open: func(ctx context.Context) (inference.Model, error) {
		return Open(ctx, Config{Addr: s.Addr, Model: "sum", Timeout: time.Second})
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ask := func() inference.ModelResult {
		c, err := l.Submit(inference.ModelRequest{In: []inference.Tensor{{Shape: []int{2}, Data: []float32{1, 2}}, {Shape: []int{1}, Data: []float32{5}}}})
		if err != nil {
			t.Fatal(err)
		}
		return <-c
	}
	if r := ask(); r.Err != nil || !slices.Equal(r.Out[0].Data, []float32{6, 7}) {
		t.Fatal(r)
	}
	s.Close()
	if r := ask(); !errors.Is(r.Err, inference.ErrModelGone) {
		t.Errorf("got %v", r.Err)
	}
	again, err := kservetest.ServeAt(sum{}, "sum", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for range 200 {
		if r := ask(); r.Err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("not found again within 10 s")
}
