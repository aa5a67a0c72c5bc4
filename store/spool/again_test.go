package spool

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/store"
)

// keeping opens a spool that keeps what it has shipped for ten minutes.
func keeping(t *testing.T, dir string, to store.Journal) *Journal {
	t.Helper()
	j, err := Open(Config{Dir: dir, To: to, Again: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// restore makes a store one that lost all that it had.
func (f *fakeStore) restore() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got, f.down = store.Batch{}, nil
}

// on returns the words that lie in a spool's folder.
func on(t *testing.T, dir string) (text []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	return text
}

// TestAgain: a journal that was away, and comes back as it was ten minutes before that,
// lacks nothing, however long it was away.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &fakeStore{}
		j := keeping(t, t.TempDir(), to)
		n := 0
		call := func(seconds int) {
			for range seconds {
				write(t, j, phrases("e", n, n+1))
				n++
				time.Sleep(time.Second)
			}
		}
		call(1200)
		first := n - 599 // of those that are surely kept
		to.set(errDown)
		call(1800)
		to.restore()
		call(30)
		flush(t, j)
		got := to.ids()
		if want := upTo(n)[first:]; len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) {
			t.Errorf("%d phrases, want the last %d", len(got), len(want))
		}
		if lost := n - len(got); lost > 600 || lost < 300 {
			t.Errorf("%d of 1200 phrases were kept no more, which were shipped in 20 minutes", lost)
		}
		st := j.Stats()
		if st.Again < 600 || st.Batches != 0 || st.Shipped-st.Again != n {
			t.Errorf("%+v of %d", st, n)
		}
		// The second time likewise, with what was written again.
		to.set(errDown)
		call(10)
		to.restore()
		call(30)
		flush(t, j)
		if got := to.ids(); !slices.Contains(got, n-41) || !slices.Contains(got, n-500) || got[len(got)-1] != n-1 {
			t.Errorf("%d phrases after the second time", len(got))
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestBriefly: what is tried again within seconds has lost nothing.
func TestBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &fakeStore{}
		j := keeping(t, t.TempDir(), to)
		write(t, j, phrases("e", 0, 10))
		flush(t, j)
		to.set(errDown)
		write(t, j, phrases("e", 10, 20))
		time.Sleep(time.Second)
		to.set(nil)
		flush(t, j)
		if st := j.Stats(); st.Again != 0 || st.Failures == 0 {
			t.Errorf("%+v", st)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestForgets: words that were shipped are gone from the disk after a while, at once
// when they are erased, and with the spool.
func TestForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		to := &fakeStore{}
		j := keeping(t, dir, to)
		// A little of a session here and there, which fills no file.
		for i := range 100 {
			write(t, j, phrases("a", 2*i, 2*i+1))
			write(t, j, phrases("b", 2*i+1, 2*i+2))
			flush(t, j)
			time.Sleep(15 * time.Second)
		}
		text := on(t, dir)
		if bytes.Contains(text, []byte("what was said 50\"")) || !bytes.Contains(text, []byte("what was said 199\"")) || !bytes.Contains(text, []byte("what was said 198\"")) {
			t.Error("it has what is old, or lacks what is new")
		}
		if err := j.Erase(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		if text := on(t, dir); bytes.Contains(text, []byte("what was said 198\"")) || !bytes.Contains(text, []byte("what was said 199\"")) {
			t.Errorf("an erased session is there, or another is not: %d bytes", len(text))
		}
		// A journal that comes back without them is not given what was erased.
		to.set(errDown)
		write(t, j, phrases("b", 200, 201))
		time.Sleep(time.Minute)
		to.restore()
		flush(t, j)
		time.Sleep(time.Minute)
		if got := to.ids(); slices.Contains(got, 198) || !slices.Contains(got, 199) || !slices.Contains(got, 200) {
			t.Errorf("%v", got)
		}
		time.Sleep(11 * time.Minute)
		if text := bytes.TrimSpace(on(t, dir)); len(text) > 0 {
			t.Errorf("%d bytes are there after eleven minutes in which nothing was written", len(text))
		}
		write(t, j, phrases("b", 201, 202))
		flush(t, j)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if text := on(t, dir); len(text) > 0 {
			t.Errorf("%d bytes are there after the end", len(text))
		}
	})
}

// TestPastIsBounded: of much that is shipped in a short time only so much is kept.
func TestPastIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := keeping(t, dir, &hanging{to: &fakeStore{refuse: func(store.Batch) error { return store.ErrErased }}, hang: closed()})
		long := phrases("e", 0, 1)
		long.Phrases[0].Text = string(bytes.Repeat([]byte("x"), store.MaxText))
		for range mostPast + 4 {
			for range 17 {
				write(t, j, long)
			}
			flush(t, j)
		}
		if n := len(on(t, dir)); n > (mostPast+2)*(segmentSize+store.MaxText+1000) || n < mostPast*segmentSize {
			t.Errorf("%d bytes", n)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestNoRoomForThePast: what comes has the room, before what was shipped.
func TestNoRoomForThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &fakeStore{}
		j, err := Open(Config{Dir: t.TempDir(), To: to, Again: time.Hour, Max: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			write(t, j, phrases("e", i, i+1))
			flush(t, j)
			time.Sleep(10 * time.Second)
		}
		to.set(errDown)
		write(t, j, phrases("e", 1000, 1001))
		time.Sleep(time.Minute)
		to.set(nil)
		flush(t, j)
		if st := j.Stats(); st.Again != 0 || st.Refused != 0 {
			t.Errorf("%+v", st)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}
