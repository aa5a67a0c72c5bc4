package spool

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"livedub/internal/testkit/groundtest"
	"livedub/store"
)

// TestErase: nothing of an erased session is on the disk while the journal behind is
// down, the rest is, and nothing of it is shipped afterwards, or written again.
func TestErase(t *testing.T) {
	to := &fakeStore{down: errDown}
	dir := t.TempDir()
	j := open(t, dir, to)
	want := 0
	for i := range 400 {
		b := phrases("gone", i, i+1)
		b.Phrases[0].Text = "secret" + strings.Repeat(" word", 1000)
		if i%2 == 0 {
			b.Add(phrases("stays", want, want+1))
			want++
		}
		write(t, j, b)
	}
	if err := j.Erase(t.Context(), "gone"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the journal is down: %v", err)
	}
	left := disk(t, dir)
	if strings.Contains(left, "secret") || strings.Contains(left, "gone") || strings.Count(left, "stays") != want {
		t.Errorf("%d bytes left, %d of stays", len(left), strings.Count(left, "stays"))
	}
	if err := j.Write(t.Context(), phrases("gone", 0, 1)); !errors.Is(err, store.ErrErased) {
		t.Errorf("a late write: %v", err)
	}
	to.set(nil)
	if err := j.Erase(t.Context(), "gone"); err != nil {
		t.Error(err)
	}
	flush(t, j)
	if got := to.got.Epochs(); !slices.Equal(got, []string{"stays"}) || len(to.got.Phrases) != want {
		t.Errorf("%v, %d phrases", got, len(to.got.Phrases))
	}
}

// disk returns all that is on the disk below a folder.
func disk(t *testing.T, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	return out.String()
}

// TestBound: what has no room is refused and counted, and taken when there is room again.
func TestBound(t *testing.T) {
	to := &fakeStore{down: errDown}
	j, err := Open(Config{Dir: t.TempDir(), To: to, Max: 3 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	taken := 0
	for err == nil {
		b := phrases("e", taken, taken+1)
		b.Phrases[0].Text = strings.Repeat("x", 50_000)
		if err = j.Write(t.Context(), b); err == nil {
			taken++
		}
	}
	if !errors.Is(err, store.ErrUnavailable) || taken < 55 || taken > 63 {
		t.Errorf("%d batches taken, then %v", taken, err)
	}
	if st := j.Stats(); st.Refused != 1 || st.Bytes > 3<<20 {
		t.Errorf("%+v", st)
	}
	to.set(nil)
	flush(t, j)
	write(t, j, phrases("e", taken, taken+1))
	flush(t, j)
	if got := to.ids(); !slices.Equal(got, upTo(taken+1)) {
		t.Errorf("%d phrases of %d", len(got), taken+1)
	}
}

// TestFullDisk: a full disk refuses a batch, and damages none that is there.
func TestFullDisk(t *testing.T) {
	groundtest.SmallDisk(t, 1024, func(t *testing.T, dir string) {
		to := &fakeStore{down: errDown}
		j := open(t, dir, to)
		write(t, j, phrases("e", 0, 10))
		free := groundtest.Fill(t, dir)
		for range 3 {
			if err := j.Write(t.Context(), phrases("e", 10, 1000)); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%v", err)
			}
		}
		free()
		write(t, j, phrases("e", 10, 1000))
		to.set(nil)
		flush(t, j)
		if got := to.ids(); !slices.Equal(got, upTo(1000)) {
			t.Errorf("%d phrases", len(got))
		}
	})
}

// TestDamage: a line that was cut off, or is something else now, costs itself alone.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, &fakeStore{down: errDown})
	for i := range 10 {
		write(t, j, phrases("e", i, i+1))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "0", name(0))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	copy(lines[3], `{"at":1,"rows":{"phrases":[{"epoch":"../../x"`)
	copy(lines[5], "\xff\xfe\x00\x00garbage")
	for cut := range 3 {
		if err := os.WriteFile(path, whole[:len(whole)-cut*20], 0o600); err != nil {
			t.Fatal(err)
		}
		to := &fakeStore{}
		j := open(t, dir, to)
		flush(t, j)
		want := 8
		if cut > 0 {
			want = 7
		}
		if st := j.Stats(); len(to.ids()) != want || st.Damaged != 2 || st.Batches != 0 {
			t.Errorf("%d bytes cut: %v, %+v", cut*20, to.ids(), st)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTwoProcesses: two have a place each, and who comes after one that is gone takes
// what it has left.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir, &fakeStore{down: errDown}), open(t, dir, &fakeStore{down: errDown})
	for i := range 10 {
		write(t, []*Journal{a, b}[i%2], phrases("e", i, i+1))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	third := &fakeStore{}
	c := open(t, dir, third) // in the place of b; a is there
	flush(t, c)
	if got := third.ids(); !slices.Equal(got, []int{1, 3, 5, 7, 9}) {
		t.Errorf("%v", got)
	}
	if err := errors.Join(c.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	last := &fakeStore{}
	w := open(t, dir, last)
	flush(t, w)
	if got := last.ids(); !slices.Equal(got, []int{0, 2, 4, 6, 8}) {
		t.Errorf("%v", got)
	}
	// Two that are both gone.
	x := open(t, dir, &fakeStore{down: errDown})
	write(t, x, phrases("e", 20, 30))
	if err := errors.Join(w.Close(), x.Close()); err != nil {
		t.Fatal(err)
	}
	last = &fakeStore{}
	y := open(t, dir, last)
	flush(t, y)
	if got := last.ids(); len(got) != 10 {
		t.Errorf("%v", got)
	}
}

func FuzzLine(f *testing.F) {
	line, err := encode(entry{1, phrases("e", 1, 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line[:len(line)-1], "e")
	f.Add([]byte(`{"at":-1,"rows":{"recordings":[{"id":"e"}]}}`), "e")
	f.Fuzz(func(t *testing.T, line []byte, epoch string) {
		if bytes.ContainsAny(line, "\n") || store.CheckEpoch(epoch) != nil {
			return
		}
		without, _ := eraseLine(slices.Clone(line), epoch)
		if len(without) != len(line) {
			t.Errorf("%q became %q", line, without)
		}
		e, err := decode(line)
		if err != nil {
			return
		}
		if slices.Contains(e.Rows.Epochs(), epoch) {
			if after, err := decode(without); err == nil && slices.Contains(after.Rows.Epochs(), epoch) {
				t.Errorf("%q has the session still", without)
			}
		}
		again, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(bytes.TrimSuffix(again, []byte("\n"))); err != nil {
			t.Errorf("%q: %v", again, err)
		}
	})
}
