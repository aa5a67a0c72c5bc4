package spool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"livedub/store"
	"livedub/store/storetest"
)

// TestJournal: a journal behind a spool does all that a journal does.
func TestJournal(t *testing.T) { storetest.Journal(t, behindSpool) }

// TestOutage: ten minutes in which the journal behind does not answer cost no phrase,
// and no writer any time; tries become rare, and all is there soon after it is back.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &fakeStore{}
		j := open(t, t.TempDir(), to)
		write(t, j, phrases("e", 0, 10))
		synctest.Wait()
		to.set(errDown)
		for i := range 600 {
			before := time.Now()
			write(t, j, phrases("e", 10+i*5, 15+i*5))
			if waited := time.Since(before); waited > 0 {
				t.Fatalf("a write waited %v", waited)
			}
			time.Sleep(time.Second)
		}
		st := j.Stats()
		if st.Batches != 600 || st.Oldest < 595*time.Second || st.Oldest > 605*time.Second || st.Bytes < 600*100 || st.Failures < 60 || st.Failures > 150 {
			t.Errorf("%+v", st)
		}
		to.set(nil)
		back := time.Now()
		flush(t, j)
		if took := time.Since(back); took > lastPause {
			t.Errorf("it took %v", took)
		}
		if got := to.ids(); !slices.Equal(got, upTo(3010)) {
			t.Errorf("%d phrases of 3010", len(got))
		}
		if st := j.Stats(); st.Batches != 0 || st.Bytes != 0 || st.Oldest != 0 || st.Shipped != 601 || st.Refused+st.Aside+st.Damaged != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestHangs: a journal behind that hangs is given up on, and tried again.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		to := &hanging{to: &fakeStore{}, hang: hang}
		j, err := Open(Config{Dir: t.TempDir(), To: to})
		if err != nil {
			t.Fatal(err)
		}
		write(t, j, phrases("e", 0, 10))
		time.Sleep(45 * time.Second)
		if st := j.Stats(); st.Batches != 1 || st.Failures != 1 {
			t.Errorf("%+v", st)
		}
		close(hang)
		flush(t, j)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if got := to.to.ids(); len(got) != 10 {
			t.Errorf("%v", got)
		}
	})
}

// hanging is a fake store that does not answer until hang is closed.
type hanging struct {
	store.Journal
	to   *fakeStore
	hang chan struct{}
}

func (h *hanging) Write(ctx context.Context, b store.Batch) error {
	select {
	case <-h.hang:
		return h.to.Write(ctx, b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hanging) Close() error { return nil }

// TestRestart: what waits when a spool is closed is there when it is opened again, and
// closing does not wait for a journal that is down.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for i := range 5 {
			j := open(t, dir, &fakeStore{down: errDown})
			write(t, j, phrases("e", i*10, i*10+10))
			synctest.Wait()
			if st := j.Stats(); st.Batches != i+1 {
				t.Fatalf("start %d: %+v", i, st)
			}
			before := time.Now()
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(before); took > 0 {
				t.Errorf("closing took %v", took)
			}
			time.Sleep(time.Hour)
		}
		to := &fakeStore{}
		j := open(t, dir, to)
		flush(t, j)
		if got := to.ids(); !slices.Equal(got, upTo(50)) {
			t.Errorf("%v", got)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*", "*.jsonl")); err != nil || len(left) > 0 {
			t.Errorf("%v, %v", left, err)
		}
	})
}

// TestCloseDrains: what was written before Close is in the journal behind after it.
func TestCloseDrains(t *testing.T) {
	to := &fakeStore{}
	j := open(t, t.TempDir(), to)
	for i := range 200 {
		write(t, j, phrases("e", i*10, i*10+10))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got := to.ids(); len(got) != 2000 {
		t.Errorf("%d phrases", len(got))
	}
}

// TestKilled: whenever a process is killed, all that it was told was written is shipped
// by the next one.
func TestKilled(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		victim := exec.Command(os.Args[0])
		victim.Env = append(os.Environ(), "LIVEDUB_SPOOL_VICTIM="+dir)
		out, err := victim.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		told, want := 0, 1+rand.IntN(3000)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if n, err := strconv.Atoi(lines.Text()); err != nil || n != told {
				t.Fatalf("after %d: %q", told, lines.Text())
			}
			if told++; told == want {
				if err := victim.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = victim.Wait() // it was killed
		to := &fakeStore{}
		j := open(t, dir, to)
		flush(t, j)
		got := to.ids()
		if len(got) < told || !slices.Equal(got, upTo(len(got))) {
			t.Errorf("%d of %d phrases", len(got), told)
		}
		if st := j.Stats(); st.Damaged > 0 {
			t.Errorf("%+v", st)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestInvalid: a batch that can never be written does not hold up the others, and is
// set aside.
func TestInvalid(t *testing.T) {
	to := &fakeStore{down: errDown}
	to.refuse = func(b store.Batch) error {
		for _, p := range b.Phrases {
			if p.ID%10 == 7 {
				return fmt.Errorf("%w: 7", store.ErrInvalid)
			}
		}
		return nil
	}
	dir := t.TempDir()
	j := open(t, dir, to)
	for i := range 30 {
		write(t, j, phrases("e", i, i+1))
	}
	to.set(nil)
	flush(t, j)
	if got := to.ids(); len(got) != 27 || slices.Contains(got, 17) {
		t.Errorf("%v", got)
	}
	if st := j.Stats(); st.Aside != 3 || st.Shipped != 27 || st.Batches != 0 {
		t.Errorf("%+v", st)
	}
	text, err := os.ReadFile(filepath.Join(dir, "0", aside))
	if err != nil || bytes.Count(text, []byte("\n")) != 3 || !bytes.Contains(text, []byte("what was said 17")) {
		t.Errorf("%s, %v", text, err)
	}
	if err := j.Erase(t.Context(), "e"); err != nil {
		t.Error(err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "0", aside)); err != nil || bytes.Contains(text, []byte("said")) {
		t.Errorf("what was set aside is not erased: %s, %v", text, err)
	}
	if err := j.Write(t.Context(), phrases("../e", 0, 1)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("what can never be written was taken: %v", err)
	}
}

// TestErased: a session that the journal behind has erased is shipped as all others.
func TestErased(t *testing.T) {
	to := &fakeStore{refuse: func(store.Batch) error { return store.ErrErased }}
	j := open(t, t.TempDir(), to)
	write(t, j, phrases("e", 0, 10))
	flush(t, j)
	if st := j.Stats(); st.Shipped != 1 || st.Failures != 0 {
		t.Errorf("%+v", st)
	}
}

// TestPanic: a panic of the journal behind is one failure.
func TestPanic(t *testing.T) {
	to := &fakeStore{}
	to.refuse = func(store.Batch) error {
		if to.tries == 1 {
			panic("index out of range")
		}
		return nil
	}
	j := open(t, t.TempDir(), to)
	write(t, j, phrases("e", 0, 10))
	flush(t, j)
	if st := j.Stats(); st.Failures != 1 || len(to.ids()) != 10 {
		t.Errorf("%+v", st)
	}
}
