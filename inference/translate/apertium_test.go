package translate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/internal/proc"
	"livedub/internal/worker/workertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, c Config) *Apertium {
	t.Helper()
	a, err := NewApertium(c)
	if err != nil {
		t.Fatal(err)
	}
	workertest.Closes(t, a)
	return a
}

func must(t testing.TB, a *Apertium, from, to inference.Lang, text string) string {
	t.Helper()
	got, err := a.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: from, To: to}, Text: text})
	if err != nil {
		t.Fatalf("%s->%s %q: %v", from, to, text, err)
	}
	return got
}

// Every pair that the documented packages bring, one known sentence each. Pairs
// that are not installed are not tested, English to Spanish always is.
func TestEveryPair(t *testing.T) {
	a := open(t, Config{})
	want := map[inference.Pair][2]string{
		{From: "en", To: "es"}: {"i have a red car", "Tengo un coche rojo."},
		{From: "es", To: "en"}: {"tengo una casa grande", "Have a big house."},
		{From: "en", To: "ca"}: {"the house is big", "La casa és gran."},
		{From: "ca", To: "en"}: {"la casa és gran", "The home is big."},
		{From: "en", To: "gl"}: {"the house is big", "A casa é grande."},
		{From: "gl", To: "en"}: {"a casa é grande", "The house is big."},
		{From: "es", To: "ca"}: {"la casa es grande", "La casa és gran."},
		{From: "ca", To: "es"}: {"la casa és gran", "La casa es grande."},
		{From: "fr", To: "es"}: {"la maison est grande", "La casa es grande."},
		{From: "es", To: "fr"}: {"la casa es grande", "La maison est grande."},
		{From: "es", To: "pt"}: {"el autobús es grande", "O ônibus é grande."},
		{From: "pt", To: "es"}: {"a casa é grande", "La casa es grande."},
	}
	tested := 0
	for _, p := range a.Pairs() {
		w, ok := want[p]
		if !ok {
			t.Logf("no sample for %v", p)
			continue
		}
		if got := must(t, a, p.From, p.To, w[0]); got != w[1] {
			t.Errorf("%v: %q gave %q, want %q", p, w[0], got, w[1])
		}
		tested++
		var rss, pss int64
		for _, id := range a.lanes[p].running.Load().group.PIDs() {
			rss += proc.PeakRSS(id)
			pss += proportional(t, id)
		}
		t.Logf("%v: %d MB, libraries counted once (%d MB if in each process)", p, pss>>20, rss>>20)
		if pss > 250<<20 {
			t.Errorf("%v takes %d MB, want at most 250", p, pss>>20)
		}
		a.end(a.lanes[p])
	}
	if a.lanes[inference.Pair{From: "en", To: "es"}] == nil || tested == 0 {
		t.Error("en->es is missing; apt install apertium-eng-spa")
	}
}

// proportional returns a process's resident set, each page divided by those who share it.
func proportional(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\nPss:")
	var kb int64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

func TestHostileText(t *testing.T) {
	a := open(t, Config{})
	for text, want := range map[string]string{
		"the price is $5 [now] {x} <b> a/b 50% a@b ^ \\ \\\\ \\[": `$5 [`,
		"the house\x00 is\x01 big\r\n":                            "La casa es grande.",
		"the house is * # big":                                    "* #",
		"[[the]] house ^is<n>/x$ big":                             "[[",
		"\xff\xfe house":                                          "Casa.",
		"the house is big. the car is red.":                       "La casa es grande. El coche es rojo.",
		"is the house big?":                                       "?",
		"the xylobrand is here":                                   "El xylobrand es aquí.",
		"]":                                                       "",
		"":                                                        "",
		" \t\n\x00":                                               "",
	} {
		got, err := a.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: text})
		if want == "" {
			if err == nil {
				t.Errorf("%q gave %q, want an error", text, got)
			}
			continue
		}
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%q gave %q, %v; want %q in it", text, got, err, want)
		}
	}
	for _, text := range []string{"", "😀", strings.Repeat("a ", maxRunes)} {
		if _, err := a.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: text}); !errors.Is(err, inference.ErrRefused) {
			t.Errorf("%.10q: %v, want ErrRefused", text, err)
		}
	}
	if got := must(t, a, "en", "es", strings.Repeat("the [house] is $big$ ", 2000/22)); strings.Count(got, "casa") != 2000/22 {
		t.Errorf("a long text came back as %d of %d houses", strings.Count(got, "casa"), 2000/22)
	}
}

func TestEachStageKilled(t *testing.T) {
	a := open(t, Config{})
	pair := inference.Pair{From: "en", To: "es"}
	must(t, a, "en", "es", "hello")
	stages := len(a.PIDs())
	if stages < 8 {
		t.Fatalf("%d processes, want a whole pipeline", stages)
	}
	for i := range stages {
		ids := a.PIDs()
		_ = syscall.Kill(ids[i], syscall.SIGKILL)
		// The phrase in flight may fail, once.
		if _, err := a.Translate(t.Context(), inference.TranslationRequest{Pair: pair, Text: "i have a red car"}); err != nil {
			t.Logf("stage %d killed: %v", i, err)
		}
		if got := must(t, a, "en", "es", "i have a red car"); got != "Tengo un coche rojo." {
			t.Errorf("after stage %d was killed: %q", i, got)
		}
		for _, id := range ids {
			if syscall.Kill(id, 0) == nil {
				t.Errorf("process %d of the dead pipeline lives on", id)
			}
		}
	}
}

// A stage that hangs cuts nobody's patience short but its own: a caller with a
// deadline gets it, and the one after it the right answer.
func TestCancelledAnswerIsSkipped(t *testing.T) {
	a := open(t, Config{})
	must(t, a, "en", "es", "hello")
	mid := a.PIDs()[5]
	_ = syscall.Kill(mid, syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := a.Translate(ctx, inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: "the car is red"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped pipeline: %v, want the deadline's error", err)
	}
	_ = syscall.Kill(mid, syscall.SIGCONT)
	if got := must(t, a, "en", "es", "the house is big"); got != "La casa es grande." {
		t.Errorf("the answer after a cancelled one is %q", got)
	}
}

func TestCloseWhileAsking(t *testing.T) {
	a := open(t, Config{})
	must(t, a, "en", "es", "hello")
	_ = syscall.Kill(a.PIDs()[3], syscall.SIGSTOP)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := a.Translate(context.Background(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: "hello"})
			errs <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, errClosed) {
			t.Errorf("%v, want %v", err, errClosed)
		}
	}
}

func TestConcurrent(t *testing.T) {
	a := open(t, Config{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				n := fmt.Sprint(1000 + i*100 + j)
				got, err := a.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: "the house is " + n})
				if want := "La casa es " + n + "."; err != nil || got != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
	if a.CPU() <= 0 {
		t.Error("CPU is 0 after work")
	}
}

func TestIdlePipelineEnds(t *testing.T) {
	a := open(t, Config{Idle: 40 * time.Millisecond})
	must(t, a, "en", "es", "hello")
	for end := time.Now().Add(10 * time.Second); len(a.PIDs()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("idle processes do not end")
		}
	}
	if a.CPU() <= 0 {
		t.Error("the CPU time of ended processes is forgotten")
	}
	must(t, a, "en", "es", "hello")
}

func TestNoPairs(t *testing.T) {
	if _, err := NewApertium(Config{ModesDir: t.TempDir()}); err == nil {
		t.Error("an empty directory is taken")
	}
	a := open(t, Config{})
	_, err := a.Translate(t.Context(), inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "xx"}, Text: "hello"})
	if !errors.Is(err, inference.ErrUnsupported) || !strings.Contains(err.Error(), "en->es") {
		t.Errorf("%v, want ErrUnsupported and what there is", err)
	}
}

func BenchmarkTranslate(b *testing.B) {
	a := open(b, Config{})
	must(b, a, "en", "es", "hello")
	for b.Loop() {
		must(b, a, "en", "es", "i have a red car and my brother lives in a big house near the sea")
	}
}
