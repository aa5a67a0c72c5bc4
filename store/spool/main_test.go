package spool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/store"
	"livedub/store/files"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("LIVEDUB_SPOOL_VICTIM"); dir != "" {
		victim(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// victim writes to the spool in a folder, and says what was written, until it is killed.
func victim(dir string) {
	j, err := Open(Config{Dir: dir, To: &fakeStore{down: errors.New("no route to host")}})
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	out := bufio.NewWriter(os.Stdout)
	for i := 0; ; i++ {
		if err := j.Write(context.Background(), phrases("e", i, i+1)); err != nil {
			fmt.Println("failed", err)
			return
		}
		fmt.Fprintln(out, i)
		_ = out.Flush() // to a pipe whose reader kills us
	}
}

// fakeStore is a journal that a test switches off, and that tells what it was given. It
// is no journal otherwise.
type fakeStore struct {
	store.Journal // nil: nothing else is asked of it

	mu     sync.Mutex
	down   error                   // what Write fails with, nil for nothing
	refuse func(store.Batch) error // asked before a batch is taken; nil takes all
	tries  int
	got    store.Batch
	erased []string
}

func (f *fakeStore) Write(ctx context.Context, b store.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.down != nil {
		return f.down
	}
	if f.refuse != nil {
		if err := f.refuse(b); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f.got.Add(b)
	f.got.Fold()
	return nil
}

func (f *fakeStore) Erase(_ context.Context, epoch string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.erased = append(f.erased, epoch)
	return f.down
}

func (f *fakeStore) Close() error { return nil }

func (f *fakeStore) set(down error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// ids returns the phrases that the store was given, of all sessions, sorted.
func (f *fakeStore) ids() (out []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.got.Phrases {
		out = append(out, p.ID)
	}
	slices.Sort(out)
	return out
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

func phrases(epoch string, from, to int) (b store.Batch) {
	for i := from; i < to; i++ {
		b.Phrases = append(b.Phrases, store.Phrase{Epoch: epoch, Lang: "es", ID: i, Text: fmt.Sprint("what was said ", i)})
	}
	return b
}

var errDown = fmt.Errorf("%w: no route to host", store.ErrUnavailable)

func open(t *testing.T, dir string, to store.Journal) *Journal {
	t.Helper()
	j, err := Open(Config{Dir: dir, To: to})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func write(t *testing.T, j *Journal, b store.Batch) {
	t.Helper()
	if err := j.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func flush(t *testing.T, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := j.Flush(ctx); err != nil {
		t.Fatalf("%v: %+v", err, j.Stats())
	}
}

// flushed is a spool that is empty whenever it is asked: what is read is what was written.
type flushed struct{ *Journal }

func (f flushed) Write(ctx context.Context, b store.Batch) error {
	err := f.Journal.Write(ctx, b)
	return errors.Join(err, f.Flush(context.WithoutCancel(ctx)))
}

func behindSpool(t *testing.T) store.Journal {
	inner, err := files.OpenJournal(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := Open(Config{Dir: t.TempDir(), To: inner})
	if err != nil {
		t.Fatal(err)
	}
	return flushed{j}
}
