package recording

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
	"livedub/media/cmaf"
	"livedub/store"
)

// smallDisk mounts a file system of that size, as "500k".
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "livedub-test", dir).CombinedOutput(); err != nil {
		groundtest.Skip(t, "no small file system to fill: mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// start has a call with one dub, in es, be recorded.
func (r *Recorder) start(t *testing.T, m Manifest, l *loop, s *stage) *growing {
	t.Helper()
	g := r.begin(m, s.attach(l.tracks))
	g.consent(true, time.Now())
	g.record([]string{"es"})
	s.sink(t, "es")
	return g
}

// play writes a stretch and waits until it is on the disk, as far as there is room.
func (g *growing) play(t *testing.T, l *loop, sink media.Sink, from, to float64) {
	t.Helper()
	for at := sec(from); at < sec(to); at += SegmentLength {
		if err := l.play(sink, at, min(at+SegmentLength, sec(to)), nil); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); !g.written(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("segments are not written")
			}
		}
	}
}

// TestFullDisk: where the disk is full the call goes on, and its recording when there is
// room again; it says that it is cut short.
func TestFullDisk(t *testing.T) {
	l, dir, d := drawn(t), smallDisk(t, "1000k"), &diary{}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 740<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRecorder(t, Config{Dir: dir, Journal: d, Floor: 50 << 10})
	var s stage
	g := r.start(t, about(epoch), l, &s)
	sink := s.sink(t, "es")
	g.play(t, l, sink, 0, 16)
	if st := r.State(epoch); st.State != Failing || !strings.Contains(st.Why, "the disk is full") {
		t.Errorf("%+v", st)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	g.play(t, l, sink, 16, 24)
	if st := r.State(epoch); st.State != On {
		t.Errorf("%+v", st)
	}
	r.end(g, false, nil)
	r.settle(t)
	row, stats := d.last(), r.Stats()
	if row.State != store.CutShort || !strings.Contains(row.Why, "the disk is full") || stats.Dropped == 0 || stats.Failures["write"] != stats.Dropped {
		t.Errorf("%+v, %+v", row, stats)
	}
	// What there was room for can be played: the hole is not in it.
	want := row.Languages[0].Duration.Seconds()
	if want > 23 || want < 8 {
		t.Errorf("%.1f s were recorded", want)
	}
	near(t, "the film", number(t, probe(t, filepath.Join(dir, filepath.FromSlash(fileKey(epoch, "es")))).Format.Duration), want)
}

// TestNoRoomForTheFilm: segments stay where there is no room for one file; there is when
// the next sweep finds some.
func TestNoRoomForTheFilm(t *testing.T) {
	l, dir, d := drawn(t), smallDisk(t, "500k"), &diary{}
	r := newRecorder(t, Config{Dir: dir, Journal: d, Floor: 50 << 10})
	var s stage
	g := r.start(t, about(epoch), l, &s)
	g.play(t, l, s.sink(t, "es"), 0, 8)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 230<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	r.end(g, false, nil)
	r.settle(t)
	if row := d.last(); row.State != store.Whole || row.Languages[0].File != "" || r.Stats().Failures["finish"] != 1 {
		t.Errorf("%+v, %+v", row, r.Stats())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if n, err := Repair(t.Context(), Config{Dir: dir, Journal: d, Floor: 50 << 10}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if row := d.last(); row.State != store.Whole || row.Languages[0].File != "es/es.mp4" {
		t.Errorf("%+v", row)
	}
}

// TestSlowDisk: what waits for the disk is bounded, and what is lost is told.
func TestSlowDisk(t *testing.T) {
	r := newRecorder(t, Config{Dir: t.TempDir()})
	g := r.newGrowing(about(epoch), nil)
	tp := g.newTape("es")
	for n := range int64(30) {
		tp.offer(cmaf.Segment{N: n, Data: make([]byte, 1<<20)})
	}
	if st := r.Stats(); tp.waiting != maxWaiting || st.Dropped != 22 || g.state().State != Failing || g.missing() == "" {
		t.Errorf("%d bytes wait, %+v", tp.waiting, st)
	}
}

// TestLongTake: a long recording's takes are followed by others, with the same head.
func TestLongTake(t *testing.T) {
	r := newRecorder(t, Config{Dir: t.TempDir()})
	tp := r.newGrowing(about(epoch), nil).newTape("es")
	init := &cmaf.Init{Data: []byte("head")}
	for n := range int64(maxTake + 3) {
		c := cut{Segment: cmaf.Segment{N: n, At: time.Duration(n) * SegmentLength, Duration: SegmentLength, Whole: true, Data: []byte("x")}}
		if n == 0 {
			c.init = init
		}
		if n > 1 && n < maxTake-1 { // that were written
			take := tp.last()
			take.Segments = append(take.Segments, c.described())
			tp.set(take)
			continue
		}
		if err := tp.write(c); err != nil {
			t.Fatal(err)
		}
	}
	takes := mustTakes(t, r)["es"]
	if len(takes) != 2 || len(takes[0].Segments) != maxTake || !takes[0].Closed || len(takes[1].Segments) != 3 || takes[0].Name >= takes[1].Name {
		t.Fatalf("%d takes", len(takes))
	}
	if text, err := os.ReadFile(r.disk.path(initKey(epoch, "es", takes[1].Name))); err != nil || string(text) != "head" {
		t.Errorf("%s, %v", text, err)
	}
	if line := Line(takes); len(line) != maxTake+3 || !line[maxTake].Cut || line[maxTake+1].Cut {
		t.Errorf("%d parts", len(line))
	}
}

// TestNoConsent: nobody is recorded who has not agreed to it, nor goes on to be who
// takes it back.
func TestNoConsent(t *testing.T) {
	l, dir := drawn(t), t.TempDir()
	r := newRecorder(t, Config{Dir: dir})
	var s stage
	g := r.begin(about(epoch), s.attach(l.tracks))
	g.consent(false, time.Time{})
	g.record([]string{"es"})
	time.Sleep(200 * time.Millisecond)
	if st := r.State(epoch); len(s.sinks) != 0 || st.State != Off || st.Why == "" {
		t.Fatalf("%d sinks, %+v", len(s.sinks), st)
	}
	g.consent(true, time.Now())
	sink := s.sink(t, "es")
	g.play(t, l, sink, 0, 8)
	g.consent(false, time.Time{})
	if st := r.State(epoch); st.State != Off || !slices.Equal(s.left, []string{"es"}) {
		t.Errorf("%+v, left %v", st, s.left)
	}
	if err := sink.Write(l.packets[0]); err == nil {
		t.Error("it is recorded still")
	}
	r.end(g, false, nil)
	r.settle(t)
	near(t, "the film", number(t, probe(t, filepath.Join(dir, filepath.FromSlash(fileKey(epoch, "es")))).Format.Duration), 8)
}

// TestDeletedWhileItGrows: nothing is left of it, nothing comes back, and the call goes on.
func TestDeletedWhileItGrows(t *testing.T) {
	for name, erase := range map[string]func(r *Recorder, g *growing, d *diary) error{
		"by a call": func(r *Recorder, _ *growing, _ *diary) error { return r.Stop(context.Background(), epoch) },
		"by the journal": func(_ *Recorder, g *growing, d *diary) error {
			d.mu.Lock()
			d.erased = true
			d.mu.Unlock()
			g.row(context.Background())
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, dir, d := drawn(t), t.TempDir(), &diary{}
			var sent atomic.Int32 // how often what was sent was deleted
			r := newRecorder(t, Config{Dir: dir, Journal: d, Erased: func(_ context.Context, id string) error {
				sent.Add(1)
				return nil
			}})
			var s stage
			g := r.start(t, about(epoch), l, &s)
			sink := s.sink(t, "es")
			g.play(t, l, sink, 0, 8)
			if err := erase(r, g, d); err != nil {
				t.Fatal(err)
			}
			if st := r.State(epoch); st.State != Off || !strings.Contains(st.Why, "deleted") {
				t.Errorf("%+v", st)
			}
			_ = l.play(sink, sec(8), sec(16), nil) // it is closed
			time.Sleep(2 * againAfter)             // it would be attached again by now
			if s.sinks["es"] != sink {
				t.Error("it is recorded again")
			}
			r.end(g, false, nil)
			r.settle(t)
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				names, err := r.disk.names(Dir(epoch))
				if sent.Load() > 0 && len(names) == 0 && err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("left: %v, %v; what was sent was deleted %d times", names, err, sent.Load())
				}
			}
		})
	}
}

// TestDeletedWhileItIsFinished: likewise.
func TestDeletedWhileItIsFinished(t *testing.T) {
	l, dir := drawn(t), t.TempDir()
	r := newRecorder(t, Config{Dir: dir})
	var s stage
	g := r.start(t, about(epoch), l, &s)
	g.play(t, l, s.sink(t, "es"), 0, 24)
	r.end(g, false, nil)
	if err := r.Stop(t.Context(), epoch); err != nil {
		t.Fatal(err)
	}
	r.settle(t)
	if names, err := r.disk.names(Dir(epoch)); len(names) != 0 || err != nil {
		t.Errorf("left: %v, %v", names, err)
	}
}

// TestHostileNamesAreNotRecorded: what can be no name of a file never is one.
func TestHostileNamesAreNotRecorded(t *testing.T) {
	l, dir := drawn(t), t.TempDir()
	inner := filepath.Join(dir, "store")
	r := newRecorder(t, Config{Dir: inner})
	for _, id := range []string{"", "..", "../" + epoch, "a/../../b", "x\x00y", strings.Repeat("x", 300)} {
		m := about(id)
		m.Session = "../../etc/passwd"
		var s stage
		g := r.begin(m, s.attach(l.tracks))
		g.consent(true, time.Now())
		g.record([]string{"es"})
		time.Sleep(50 * time.Millisecond)
		if st := r.State(id); st.State != Off || st.Why == "" || len(s.sinks) != 0 {
			t.Errorf("%q: %+v", id, st)
		}
		if err := r.Stop(t.Context(), id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		r.end(g, false, nil)
	}
	if got := r.wanted("../../en", nil); got != nil {
		t.Errorf("languages %v", got)
	}
	m := about(epoch)
	m.Session = "../../etc/<b>passwd\n"
	var s stage
	g := r.start(t, m, l, &s)
	g.play(t, l, s.sink(t, "es"), 0, 8)
	r.end(g, false, nil)
	r.settle(t)
	if title := probe(t, r.disk.path(fileKey(epoch, "es"))).Format.Tags["title"]; !strings.HasPrefix(title, "../../etc/<b>passwd") {
		t.Errorf("title %q", title)
	}
	for _, at := range []string{dir, filepath.Join(inner, root)} {
		if names, err := os.ReadDir(at); err != nil || len(names) != 1 {
			t.Errorf("%s: %v, %v", at, names, err)
		}
	}
}

// TestAttachedAgain: a sink that the session has closed is followed by another, and the
// take by the next.
func TestAttachedAgain(t *testing.T) {
	l, dir, d := drawn(t), t.TempDir(), &diary{}
	r := newRecorder(t, Config{Dir: dir, Journal: d})
	var s stage
	g := r.start(t, about(epoch), l, &s)
	first := s.sink(t, "es")
	g.play(t, l, first, 0, 9)
	s.mu.Lock()
	delete(s.sinks, "es")
	s.mu.Unlock()
	if err := first.Close(); err != nil { // as a session does that thinks it stuck
		t.Fatal(err)
	}
	g.play(t, l, s.sink(t, "es"), 10, 20)
	r.end(g, false, nil)
	r.settle(t)
	if row := d.last(); row.State != store.Whole || row.Languages[0].Duration.Round(time.Second) != 19*time.Second {
		t.Errorf("%+v", row)
	}
	near(t, "the film", number(t, probe(t, r.disk.path(fileKey(epoch, "es"))).Format.Duration), 19)
}

// TestRows: the journal is told when a recording begins, every half minute, and at its
// end; a dub that cannot be attached to yet is tried again.
func TestRows(t *testing.T) {
	l, dir, d := drawn(t), t.TempDir(), &diary{}
	synctest.Test(t, func(t *testing.T) {
		r, err := New(Config{Dir: dir, Journal: d})
		if err != nil {
			t.Fatal(err)
		}
		var s stage
		tries := 0
		attach := s.attach(l.tracks)
		g := r.begin(about(epoch), func(lang string, sink media.Sink) (func(), error) {
			if tries++; tries < 4 {
				return nil, errors.New("not yet")
			}
			return attach(lang, sink)
		})
		g.consent(true, time.Now())
		g.record([]string{"es"})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if tries != 4 || r.Stats().Failures["attach"] != 3 || len(d.all()) != 0 {
			t.Errorf("%d tries, %+v, %d rows", tries, r.Stats(), len(d.all()))
		}
		_ = l.play(s.sinks["es"], 0, sec(9), nil)
		time.Sleep(95 * time.Second)
		if rows := d.all(); len(rows) != 4 || rows[0].State != store.Growing || rows[3].Languages[0].Segments != 2 {
			t.Errorf("%+v", rows)
		}
		r.end(g, false, nil)
		time.Sleep(time.Minute)
		if rows := d.all(); len(rows) != 6 || rows[4].State != store.Whole || rows[5].Languages[0].File == "" {
			t.Errorf("%+v", rows)
		}
		r.Close()
	})
}
