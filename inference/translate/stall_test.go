package translate

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/inference"
)

var enEs = inference.Pair{From: "en", To: "es"}

// A pipeline that hangs is replaced when its caller's patience ends or its own
// limit passes, and the next phrase finds another.
func TestHangingPipelineIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		patience, stall time.Duration
		want            error
	}{
		"ctx":   {30 * time.Millisecond, time.Hour, context.DeadlineExceeded},
		"limit": {time.Hour, 50 * time.Millisecond, errStalled},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, Config{Grace: 20 * time.Millisecond})
			must(t, a, "en", "es", "hello")
			old := a.PIDs()
			_ = syscall.Kill(old[4], syscall.SIGSTOP)
			a.cfg.Stall = c.stall // from here on: a pipeline takes longer than that to load
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			if _, err := a.Translate(ctx, inference.TranslationRequest{Pair: enEs, Text: "the car is red"}); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			eventually(t, "another pipeline", func() bool {
				ids := a.PIDs()
				return len(ids) == len(old) && !slices.ContainsFunc(ids, func(id int) bool { return slices.Contains(old, id) })
			})
			a.cfg.Stall = time.Minute
			if got := must(t, a, "en", "es", "i have a red car"); got != "Tengo un coche rojo." {
				t.Errorf("the next phrase is %q", got)
			}
			for _, id := range old {
				if syscall.Kill(id, 0) == nil {
					t.Errorf("process %d of the old pipeline lives on", id)
				}
			}
		})
	}
}

// A pipeline that reads nothing blocks its caller no longer than ctx.
func TestFullPipe(t *testing.T) {
	a := open(t, Config{Grace: 20 * time.Millisecond})
	must(t, a, "en", "es", "hello")
	_ = syscall.Kill(a.PIDs()[0], syscall.SIGSTOP)
	p := a.lanes[enEs].running.Load()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.ask(ctx, strings.Repeat("a", 1<<20)); !errors.Is(err, context.DeadlineExceeded) || !p.bad {
		t.Errorf("%v", err)
	}
	if p.settle(t.Context()) {
		t.Error("a pipeline that was sent half a text is used again")
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Whatever a pipeline answers, no more is heard than was asked, and no text has another's number.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("La casa.[1]\n\x00El coche.[2]\x00"), uint8(2))
	f.Add([]byte("a[2]\x00"), uint8(2))
	f.Add([]byte("\x00\x00[-1]\x00[99999999999999999999]\x00"), uint8(1))
	f.Fuzz(func(t *testing.T, answers []byte, asked uint8) {
		if len(answers) > 1<<15 {
			return // what a pipe holds
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		_, _ = w.Write(answers)
		_ = w.Close()
		p := &pipeline{out: r, asked: int(asked)}
		text, err := p.await()
		if p.heard > p.asked || err == nil && p.heard != p.asked || strings.ContainsRune(text, 0) {
			t.Fatalf("asked %d, heard %d: %q, %v", p.asked, p.heard, text, err)
		}
	})
}
