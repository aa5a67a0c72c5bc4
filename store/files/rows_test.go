package files

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/store"
)

func rows(epoch string, from, to int) (b store.Batch) {
	for i := from; i < to; i++ {
		b.Phrases = append(b.Phrases, store.Phrase{Epoch: epoch, Lang: "es", ID: i, Text: fmt.Sprint("phrase ", i)})
	}
	return b
}

func write(t *testing.T, j *Journal, b store.Batch) {
	t.Helper()
	if err := j.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func session(t *testing.T, j *Journal, epoch string) store.Batch {
	t.Helper()
	b, err := j.Session(t.Context(), epoch)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCutLine: wherever the last line is cut off, the rows before it are there, and so
// are those that are written behind it.
func TestCutLine(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	write(t, j, rows("e", 0, 3))
	path := filepath.Join(dir, "e", rowsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for cut := range len(lines[2]) {
		for _, end := range []string{"", "\x00\x00\x00"} { // as file systems leave it after a power cut
			if err := os.WriteFile(path, append(whole[:len(whole)-1-cut:len(whole)], end...), 0o600); err != nil {
				t.Fatal(err)
			}
			want := 2
			if cut == 0 && end == "" {
				want = 3 // of which only the line's end is missing
			}
			if got := session(t, j, "e").Phrases; len(got) != want {
				t.Fatalf("%d bytes cut: %d rows, want %d", cut+1, len(got), want)
			}
			write(t, j, rows("e", 7, 9))
			if got := session(t, j, "e").Phrases; len(got) != want+2 {
				t.Fatalf("%d bytes cut, two rows behind: %d rows, want %d", cut+1, len(got), want+2)
			}
		}
	}
}

// TestGarbage: what is no row of the session is left out, and what is one is read.
func TestGarbage(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	write(t, j, rows("e", 0, 1))
	path := filepath.Join(dir, "e", rowsFile)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"\n", "[]\n", "null\n", "{}\n", "{\"phrase\":{\"epoch\":\"other\",\"lang\":\"es\",\"id\":5}}\n", "{\"phrase\":{\"epoch\":\"e\",\"lang\":\"../x\",\"id\":5}}\n",
		"{\"phrase\":{\"epoch\":\"e\",\"lang\":\"es\",\"id\":-5}}\n", strings.Repeat("x", 3<<20) + "\n", "{\"phrase\":{\"epoch\":\"e\",\"lang\":\"es\",\"id\":6}}\n", "\xff\n",
	} {
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{sessionFile, recordingFile} {
		if err := os.WriteFile(filepath.Join(dir, "e", name), []byte(`{"epoch":"e","name":`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b := session(t, j, "e"); b.Len() != 2 || b.Phrases[1].ID != 6 {
		t.Errorf("%+v", b)
	}
	write(t, j, store.Batch{Sessions: []store.Session{{Epoch: "e", Name: "talk"}}})
	if b := session(t, j, "e"); b.Len() != 3 {
		t.Errorf("%+v", b)
	}
}

// TestGrowth: a session whose rows are replaced all the time has a file that is a small
// multiple of what it holds.
func TestGrowth(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	last := store.Batch{}
	for i := range 200 {
		last = rows("e", 0, 300)
		for n := range last.Phrases {
			last.Phrases[n].Text = fmt.Sprint(i, strings.Repeat(" word", 20))
		}
		write(t, j, last)
	}
	is, err := os.Stat(filepath.Join(dir, "e", rowsFile))
	if err != nil {
		t.Fatal(err)
	}
	b := session(t, j, "e")
	if is.Size() > rewriteFrom+1<<20 || len(b.Phrases) != 300 || b.Phrases[299].Text != last.Phrases[299].Text {
		t.Errorf("%d bytes, %d rows", is.Size(), len(b.Phrases))
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "e")); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestTwoProcesses: two that have the same folder open write the same session, also
// while each writes it anew, and one of them erases another.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for w := range 2 {
		j := openJournal(t, dir)
		all.Go(func() {
			for i := range 150 {
				b := rows("e", 1000*w+i*2, 1000*w+i*2+2)
				b.Add(rows("gone", i, i+1))
				b.Phrases[0].Text = strings.Repeat("x", 60_000)
				if err := j.Write(t.Context(), b); err != nil && !errors.Is(err, store.ErrErased) {
					t.Errorf("writer %d: %v", w, err)
				}
				if w == 0 && i == 75 {
					if err := j.Erase(t.Context(), "gone"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	j := openJournal(t, dir)
	if got := session(t, j, "e").Phrases; len(got) != 600 {
		t.Errorf("%d rows", len(got))
	}
	if _, err := j.Session(t.Context(), "gone"); !errors.Is(err, store.ErrErased) {
		t.Error(err)
	}
}

// TestHeldLock: a process that holds a lock and does nothing does not hold us for ever.
func TestHeldLock(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	write(t, j, rows("e", 0, 1))
	locks, err := filepath.Glob(filepath.Join(dir, locksDir, "*"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	hold := exec.Command("flock", locks[0], "cat")
	in, err := hold.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hold.Start(); err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(func() { _ = in.Close(); _ = hold.Wait() })
	defer release()
	deadline := time.Now().Add(10 * time.Second)
	for held := false; !held && time.Now().Before(deadline); {
		held = exec.Command("flock", "-n", locks[0], "true").Run() != nil
	}
	done := make(chan error)
	go func() { done <- j.Write(t.Context(), rows("e", 1, 2)) }()
	select {
	case err := <-done:
		t.Errorf("written while another process had the lock: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"phrase":{"epoch":"e","lang":"es","id":1,"text":"x","dub_start":0}}`))
	f.Add([]byte(`{"event":{"epoch":"e","seq":1,"kind":"gap","data":{"a":"\u0000"}}}`))
	f.Add([]byte(`{"rewritten":{"bytes":7}}`))
	f.Add([]byte(`{"dub":{"epoch":"e","lang":"es"}}` + "\n" + `{"consent":{"epoch":"e","given":true}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, _, err := scan(strings.NewReader(string(text)), "e")
		if err != nil {
			t.Fatal(err)
		}
		out, err := encode(b)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, bad, err := scan(strings.NewReader(string(out)), "e")
		if err != nil || bad > 0 {
			t.Fatalf("what was written cannot be read: %d lines, %v: %s", bad, err, out)
		}
		if twice, err := encode(again); err != nil || string(twice) != string(out) {
			t.Errorf("%s became %s, %v", out, twice, err)
		}
	})
}
