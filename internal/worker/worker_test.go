package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// modeEnv makes this test binary a worker of some kind.
const modeEnv = "WORKER_TEST_MODE"

// markEnv names a file that a worker makes when it is about to hang.
const markEnv = "WORKER_TEST_MARK"

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeEnv); mode != "" {
		play(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a pool of workers that are this binary, and holds its end to leaving nothing behind.
func open(t *testing.T, mode string, c Config) (*Pool, error) {
	t.Helper()
	c.Path, c.Args, c.Env = os.Args[0], []string{"you"}, append(c.Env, modeEnv+"="+mode)
	p, err := Open(t.Context(), c)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		ids := p.PIDs()
		p.Close()
		p.Close()
		for _, id := range ids {
			if syscall.Kill(id, 0) == nil {
				t.Errorf("worker %d outlived Close", id)
			}
		}
		if _, err := p.Take(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("Take after Close: %v", err)
		}
	})
	return p, nil
}

func good(t *testing.T, c Config) *Pool {
	t.Helper()
	p, err := open(t, "good", c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func take(t *testing.T, p *Pool) *Worker {
	t.Helper()
	w, err := p.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// ask asks one question of one worker.
func ask(ctx context.Context, p *Pool, body string) (string, error) {
	w, err := p.Take(ctx)
	if err != nil {
		return "", err
	}
	b, err := w.Call(ctx, []byte(body))
	p.Give(w, err)
	return string(b), err
}

func well(t *testing.T, p *Pool) {
	t.Helper()
	if got, err := ask(t.Context(), p, "again"); err != nil || got != "again" {
		t.Errorf("the next one gets %q, %v", got, err)
	}
}

// eventually waits for what other processes do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestTalk(t *testing.T) {
	p := good(t, Config{Nice: 2})
	w := take(t, p)
	if string(w.Hello()) != "hello you" {
		t.Errorf("hello %q", w.Hello())
	}
	first, err := w.Ask(t.Context(), []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"a", "b"} {
		if err := w.Tell(t.Context(), []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := w.Call(t.Context(), []byte("two")); err != nil || string(b) != "abtwo" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := first.Wait(t.Context()); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	_, err = w.Call(t.Context(), []byte("refuse"))
	if r := (*Refusal)(nil); !errors.As(err, &r) || r.Text != "? no" {
		t.Errorf("%v, want a refusal", err)
	}
	if b, err := w.Call(t.Context(), []byte("print")); err != nil || string(b) != "print" {
		t.Errorf("%q, %v", b, err)
	}
	own, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if b, err := w.Call(t.Context(), []byte("nice")); err != nil || string(b) != fmt.Sprint(20-own+2) {
		t.Errorf("niceness %s, %v; ours is %d", b, err, 20-own)
	}
	p.Give(w, nil)
	if ids := p.PIDs(); len(ids) != 1 || p.CPU() < 0 {
		t.Errorf("workers %v", ids)
	}
}

func TestSecretsStay(t *testing.T) {
	t.Setenv("LIVEDUB_SERVE_TURN_SECRET", "hunter2")
	got, err := ask(t.Context(), good(t, Config{}), "env")
	if err != nil || strings.Contains(got, "hunter2") || !strings.Contains(got, "PATH=") || !strings.Contains(got, modeEnv) {
		t.Errorf("%v\n%s", err, got)
	}
}

// Whatever ends a worker, its user hears of it at once and the next one gets another.
func TestDeath(t *testing.T) {
	for _, how := range []string{"crash", "exit", "SIGKILL", "SIGSTOP"} {
		t.Run(how, func(t *testing.T) {
			p := good(t, Config{Limit: 20 * time.Second})
			old := p.PIDs()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body := how
			switch how {
			case "SIGKILL":
				body = "wait"
				time.AfterFunc(20*time.Millisecond, func() { _ = syscall.Kill(old[0], syscall.SIGKILL) })
			case "SIGSTOP":
				_ = syscall.Kill(old[0], syscall.SIGSTOP)
				time.AfterFunc(20*time.Millisecond, cancel)
			}
			began := time.Now()
			_, err := ask(ctx, p, body)
			if want := errEnded; how != "SIGSTOP" && !errors.Is(err, want) || how == "SIGSTOP" && !errors.Is(err, context.Canceled) {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			eventually(t, "another worker", func() bool { ids := p.PIDs(); return len(ids) == 1 && ids[0] != old[0] })
			well(t, p)
			eventually(t, "the old one to be gone", func() bool { return syscall.Kill(old[0], 0) != nil })
			if p.CPU() <= 0 {
				t.Error("no CPU time was used")
			}
		})
	}
}

// The eater is a program of its own: one with the race detector takes terabytes of addresses.
func TestMemoryLimit(t *testing.T) {
	eater := filepath.Join(t.TempDir(), "eater")
	if out, err := exec.Command("go", "build", "-o", eater, "./testdata/eater").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p, err := Open(t.Context(), Config{Path: eater, Memory: 500 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	old := p.PIDs()[0]
	for want, err := range map[string]error{"100": nil, "1000": errEnded} {
		if _, got := ask(t.Context(), p, want); !errors.Is(got, err) {
			t.Errorf("%s MB: %v, want %v", want, got, err)
		}
		eventually(t, "a worker", func() bool { return len(p.PIDs()) == 1 && (err == nil || p.PIDs()[0] != old) })
	}
	if got, err := ask(t.Context(), p, "1"); err != nil || got != "1" {
		t.Errorf("the next one gets %q, %v", got, err)
	}
}

// A worker that dies while nobody uses it is replaced, not lent.
func TestDeathWhileIdle(t *testing.T) {
	p := good(t, Config{})
	well(t, p)
	old := p.PIDs()[0]
	_ = syscall.Kill(old, syscall.SIGKILL)
	eventually(t, "another worker", func() bool { ids := p.PIDs(); return len(ids) == 1 && ids[0] != old })
	well(t, p)
}

func TestLimit(t *testing.T) {
	p := good(t, Config{Limit: 50 * time.Millisecond})
	old := p.PIDs()[0]
	if _, err := ask(t.Context(), p, "hang"); err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("%v", err)
	}
	eventually(t, "another worker", func() bool { ids := p.PIDs(); return len(ids) == 1 && ids[0] != old })
}

// A worker that reads nothing blocks nobody beyond the limit or ctx.
func TestFullPipe(t *testing.T) {
	p := good(t, Config{Limit: 100 * time.Millisecond, Grace: 50 * time.Millisecond})
	for _, how := range []string{"limit", "ctx"} {
		w := take(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		_ = syscall.Kill(w.group.PIDs()[0], syscall.SIGSTOP)
		var err error
		for n := 0; err == nil && n < 100; n++ {
			if how == "ctx" && n == 1 {
				cancel()
			}
			err = w.Tell(ctx, make([]byte, 60<<10))
		}
		cancel()
		if how == "limit" && (err == nil || !strings.Contains(err.Error(), "took nothing")) || how == "ctx" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", how, err)
		}
		p.Give(w, err)
		well(t, p)
	}
}

// What a user leaves behind is dropped; the worker lives on if it can.
func TestCancelledWork(t *testing.T) {
	p := good(t, Config{Grace: 10 * time.Second})
	old := p.PIDs()
	w := take(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := w.Call(ctx, []byte("wait")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_, _ = w.Ask(t.Context(), []byte("wait")) // nobody will wait for it
	_ = w.Tell(t.Context(), []byte("left behind"))
	p.Give(w, ctx.Err())
	well(t, p)
	if ids := p.PIDs(); !slices.Equal(ids, old) {
		t.Errorf("workers %v, want %v still", ids, old)
	}
}

func TestCancelledWorkThatHangs(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "hangs")
	p := good(t, Config{Grace: 20 * time.Millisecond, Env: []string{markEnv + "=" + mark}})
	old := p.PIDs()[0]
	w := take(t, p)
	if err := w.Tell(t.Context(), []byte("hang")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the worker to hang", func() bool { _, err := os.Stat(mark); return err == nil })
	p.Give(w, nil)
	well(t, p)
	if slices.Contains(p.PIDs(), old) {
		t.Error("the hanging worker is kept")
	}
}

func TestNoProgram(t *testing.T) {
	for _, path := range []string{"/no/such/worker", "/bin/true"} {
		if _, err := Open(t.Context(), Config{Path: path}); err == nil {
			t.Errorf("%s is taken for a worker", path)
		}
	}
	if _, err := Find("", "no-such-worker"); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("%v", err)
	}
	if p, err := Find("", "sh"); err != nil || !strings.HasSuffix(p, "/sh") {
		t.Errorf("%q, %v", p, err)
	}
	no := errors.New("not this one")
	if _, err := Open(t.Context(), Config{Path: os.Args[0], Args: []string{"you"}, Env: []string{modeEnv + "=good"},
		Check: func([]byte) error { return no }}); !errors.Is(err, no) {
		t.Errorf("%v", err)
	}
}
