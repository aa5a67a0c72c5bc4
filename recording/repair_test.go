package recording

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"livedub/store"
)

// leave records a stretch as a process does that is killed: what it had open stays open.
func leave(t *testing.T, dir string, l *loop, to float64) *Recorder {
	t.Helper()
	r, err := New(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var s stage
	g := r.start(t, about(epoch), l, &s)
	g.play(t, l, s.sink(t, "es"), 0, to)
	_ = g.lock.Close()
	t.Cleanup(func() {
		close(g.over)
		g.tending.Wait()
		g.erase()
		r.Close()
	})
	return r
}

// TestRepair: what a killed process left is closed: files that were not finished go,
// segments that no description tells of are found, and damaged ones are left out.
func TestRepair(t *testing.T) {
	l, dir := drawn(t), t.TempDir()
	r := leave(t, dir, l, 23)
	take := mustTakes(t, r)["es"][0]
	folder := takeDir(epoch, "es", take.Name)
	write := func(key string, data []byte) {
		t.Helper()
		if err := os.WriteFile(r.disk.path(key), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(folder+".00000009.m4s.1-1.part", make([]byte, 100))
	write(segmentKey(epoch, "es", take.Name, 77), []byte("no segment"))
	first, err := os.ReadFile(r.disk.path(segmentKey(epoch, "es", take.Name, 1)))
	if err != nil {
		t.Fatal(err)
	}
	write(segmentKey(epoch, "es", take.Name, 2), first[:len(first)/2]) // as a disk may have it after the power was cut
	write(segmentKey(epoch, "es", take.Name, 50), first)               // of another time than it says
	stale := take
	stale.Segments = stale.Segments[:3]
	if err := r.disk.writeJSON(takeKey(epoch, "es", take.Name), stale); err != nil {
		t.Fatal(err)
	}
	at := 3 * time.Second
	d := &diary{phrases: []store.Phrase{{Epoch: epoch, Lang: "es", ID: 1, Text: "hola", Outcome: "played", DubStart: &at, DubEnd: new(at + time.Second)}}}
	if n, err := Repair(t.Context(), Config{Dir: dir, Journal: d}); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	closed := mustTakes(t, r)["es"][0]
	var have []int64
	for _, s := range closed.Segments {
		have = append(have, s.N)
		if !s.Whole || s.Duration != SegmentLength || s.Bytes == 0 {
			t.Errorf("%+v", s)
		}
	}
	if !closed.Closed || len(have) != 4 || have[2] != 3 || have[3] != 4 {
		t.Errorf("segments %v of %+v", have, closed)
	}
	row := d.last()
	if row.State != store.CutShort || row.Why != killed || row.Languages[0].File == "" || row.Ended.Sub(row.Created).Round(time.Second) != 20*time.Second {
		t.Errorf("%+v", row)
	}
	near(t, "the film", number(t, probe(t, r.disk.path(fileKey(epoch, "es"))).Format.Duration), 16)
	vtt, err := os.ReadFile(r.disk.path(captionsKey(epoch, "es")))
	if err != nil || !strings.Contains(string(vtt), "00:00:07.000 --> 00:00:08.000\nhola") {
		t.Errorf("%s, %v", vtt, err)
	}
	if names, err := r.disk.names(folder); err != nil || len(names) == 0 || partial(names[0].Name()) {
		t.Errorf("%v, %v", names, err)
	}
	// When the film has been there for a while, and the journal has learned more.
	d.phrases = append(d.phrases, store.Phrase{Epoch: epoch, Lang: "es", ID: 2, Text: "adiós", Start: 12 * time.Second, End: 13 * time.Second})
	if _, err := Repair(t.Context(), Config{Dir: dir, Journal: d, Keep: time.Nanosecond}); err != nil {
		t.Fatal(err)
	}
	if vtt, _ = os.ReadFile(r.disk.path(captionsKey(epoch, "es"))); !strings.Contains(string(vtt), "adiós") {
		t.Errorf("%s", vtt)
	}
	if names, err := r.disk.names(folder); err != nil || len(names) != 0 {
		t.Errorf("segments are there still: %v, %v", names, err)
	}
	if _, err := r.marked(epoch); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is more to do: %v", err)
	}
	if closed = mustTakes(t, r)["es"][0]; !closed.Merged || len(closed.Segments) != 4 {
		t.Errorf("%+v", closed)
	}
}

// TestRepairWaits: nothing is closed that somebody is at, nor while the journal cannot
// tell what was said; what is erased goes.
func TestRepairWaits(t *testing.T) {
	l, dir, d := drawn(t), t.TempDir(), &diary{}
	r := leave(t, dir, l, 9)
	lock, err := r.disk.lock(Dir(epoch), false)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Repair(t.Context(), Config{Dir: dir, Journal: d}); n != 0 || err != nil || len(d.rows) != 0 {
		t.Errorf("while it is held: %d, %v", n, err)
	}
	_ = lock.Close()
	d.fails = store.ErrUnavailable
	if n, err := Repair(t.Context(), Config{Dir: dir, Journal: d}); n != 0 || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a journal: %d, %v", n, err)
	}
	d.fails, d.erased = nil, true
	away := func(context.Context, string) error { return store.ErrUnavailable }
	if _, err := Repair(t.Context(), Config{Dir: dir, Journal: d, Erased: away}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("where it was sent to does not answer: %v", err)
	}
	if names, err := r.disk.names(Dir(epoch)); err != nil || len(names) == 0 {
		t.Errorf("nothing is left to try it again by: %v", err)
	}
	if _, err := Repair(t.Context(), Config{Dir: dir, Journal: d}); err != nil {
		t.Error(err)
	}
	if names, err := r.disk.names(Dir(epoch)); err != nil || len(names) != 0 {
		t.Errorf("of what is erased there is %v, %v", names, err)
	}
}

// TestNoFolder: there is nothing to repair where nothing was ever recorded.
func TestNoFolder(t *testing.T) {
	if _, err := Repair(t.Context(), Config{Dir: t.TempDir() + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestRepairTidies: a recorder that was killed while it wrote the first file of a
// recording leaves nothing; who is at it is left alone.
func TestRepairTidies(t *testing.T) {
	r := newRecorder(t, Config{Dir: t.TempDir()})
	left := r.disk.path(Dir(epoch) + "/.x.1-1.part")
	lock, err := r.disk.lock(Dir(epoch), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := Repair(t.Context(), Config{Dir: r.disk.dir}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("while somebody is at it: %v", err)
	}
	_ = lock.Close()
	if n, err := Repair(t.Context(), Config{Dir: r.disk.dir}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := os.Stat(r.disk.path(Dir(epoch))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is there still: %v", err)
	}
}
