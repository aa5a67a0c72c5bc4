package recording

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"livedub/store"
	"livedub/store/files"
	"livedub/store/upload"
)

// node returns the recorder of a node that has a session by a claim with that fence.
func node(t *testing.T, dir, name string, fence int64, d *diary) *Recorder {
	return newRecorder(t, Config{
		Dir: dir, Node: name, Journal: d, Fence: func(string) int64 { return fence },
		Elsewhere: func(context.Context, string) (bool, error) { return true, nil },
	})
}

// counted returns how many packets of each kind a film has.
func counted(t *testing.T, p probed) (frames, sounds int) {
	t.Helper()
	for _, st := range p.Streams {
		n, err := strconv.Atoi(st.Packets)
		if err != nil {
			t.Fatal(err)
		}
		if st.CodecType == "video" {
			frames = n
		} else {
			sounds = n
		}
	}
	return frames, sounds
}

// TestHandedOver: a session that is handed to another node is one recording, of which no
// frame is missing or there twice, wherever in a segment the nodes part.
func TestHandedOver(t *testing.T) {
	l := drawn(t)
	for name, c := range map[string]struct{ until, from float64 }{
		"far":                {21, 10},
		"within one segment": {15.2, 14},
		"at once":            {14, 14},
	} {
		t.Run(name, func(t *testing.T) {
			dir, d := t.TempDir(), &diary{}
			a, b := node(t, dir, "a", 1, d), node(t, dir, "b", 2, d)
			var sa, sb stage
			ga := a.start(t, about(epoch), l, &sa)
			ga.play(t, l, sa.sink(t, "es"), 0, c.until-.5)
			gb := b.start(t, about(epoch), l, &sb)
			gb.play(t, l, sb.sink(t, "es"), c.from, c.from+5)
			ga.play(t, l, sa.sink(t, "es"), c.until-.5, c.until)
			a.end(ga, true, nil)
			if err := a.each(t.Context(), a.look); err != nil { // what a sweep does
				t.Error(err)
			}
			if row := d.last(); row.State != store.Growing {
				t.Errorf("when it has moved: %+v", row)
			}
			gb.play(t, l, sb.sink(t, "es"), c.from+5, 32)
			b.end(gb, false, nil)
			b.settle(t)
			row := d.last()
			if row.State != store.Whole || row.Fence != 2 || row.Languages[0].Duration != 32*time.Second {
				t.Errorf("%+v", row)
			}
			p := probe(t, b.disk.path(fileKey(epoch, "es")))
			near(t, "the film", number(t, p.Format.Duration), 32)
			if frames, sounds := counted(t, p); frames != 32*25 || sounds < 1499 || sounds > 1501 {
				t.Errorf("%d frames, %d frames of sound", frames, sounds)
			}
		})
	}
}

// TestKilledAndOpenedElsewhere: where a node was killed one segment is missing at most,
// and the film is one. What the node had open is closed by the one that has it last.
func TestKilledAndOpenedElsewhere(t *testing.T) {
	l, dir, d := drawn(t), t.TempDir(), &diary{}
	a, b := node(t, dir, "a", 1, d), node(t, dir, "b", 2, d)
	var sa, sb stage
	ga := a.start(t, about(epoch), l, &sa)
	ga.play(t, l, sa.sink(t, "es"), 0, 11)
	_ = ga.lock.Close() // as is the end of a process; its take stays open, and 8 s to 11 s are lost with it
	gb := b.start(t, about(epoch), l, &sb)
	gb.play(t, l, sb.sink(t, "es"), 14, 32)
	b.end(gb, false, nil)
	b.settle(t)
	row := d.last()
	if row.State != store.CutShort || row.Why != killed || row.Languages[0].Duration != 26*time.Second {
		t.Errorf("%+v", row)
	}
	near(t, "the film", number(t, probe(t, b.disk.path(fileKey(epoch, "es"))).Format.Duration), 26)
	for _, take := range mustTakes(t, b)["es"] {
		if !take.Closed {
			t.Errorf("%+v is open", take)
		}
	}
	a.mu.Lock()
	delete(a.growing, epoch)
	a.mu.Unlock()
	close(ga.over)
	ga.tending.Wait()
	ga.erase()
}

func mustTakes(t *testing.T, r *Recorder) map[string][]Take {
	t.Helper()
	takes, err := r.files.takes(t.Context(), epoch)
	if err != nil {
		t.Fatal(err)
	}
	return takes
}

// site is a machine with a folder of its own that sends what it records to objects.
type site struct {
	*Recorder
	up *upload.Uploader
}

func newSite(t *testing.T, name string, fence int64, objects store.Objects, d *diary) *site {
	t.Helper()
	dir := t.TempDir()
	up, err := upload.New(upload.Config{Dir: dir, Objects: objects, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	r, err := open(Config{ // what a sweep does is done by the test
		Dir: dir, Node: name, Journal: d, Objects: objects, Upload: up, Fence: func(string) int64 { return fence }, Keep: time.Millisecond,
		Elsewhere: func(context.Context, string) (bool, error) { return false, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	up.OnFull(r.Refused)
	t.Cleanup(func() {
		r.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := up.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &site{r, up}
}

// arrive waits until all has been sent.
func (s *site) arrive(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); s.up.Pending(""); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not all is sent: %+v", s.up.Stats())
		}
	}
}

// TestSentAway: where files go elsewhere as they are written, the film is made of what
// has arrived there, from other nodes too, and segments are deleted there when it has.
func TestSentAway(t *testing.T) {
	l, d, far := drawn(t), &diary{}, t.TempDir()
	objects, err := files.OpenObjects(far)
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	a, b := newSite(t, "a", 1, objects, d), newSite(t, "b", 2, objects, d)
	var sa, sb stage
	ga := a.start(t, about(epoch), l, &sa)
	ga.play(t, l, sa.sink(t, "es"), 0, 13)
	gb := b.start(t, about(epoch), l, &sb)
	gb.play(t, l, sb.sink(t, "es"), 12, 20)
	a.end(ga, true, nil)
	a.arrive(t)
	b.arrive(t)
	if names, err := a.disk.names(langDir(epoch, "es") + "/" + mustTakes(t, a.Recorder)["es"][0].Name); err != nil || len(names) > 0 {
		t.Errorf("on the disk still: %v, %v", names, err)
	}
	gb.play(t, l, sb.sink(t, "es"), 20, 32)
	b.end(gb, false, nil)
	b.settle(t)
	b.arrive(t)
	p := probe(t, filepath.Join(far, filepath.FromSlash(fileKey(epoch, "es"))))
	near(t, "the film", number(t, p.Format.Duration), 32)
	if frames, _ := counted(t, p); frames != 32*25 {
		t.Errorf("%d frames", frames)
	}
	// What is left to be done is done by and by.
	for range 3 {
		for _, s := range []*site{a, b} {
			if err := s.each(t.Context(), s.look); err != nil {
				t.Error(err)
			}
			s.settle(t)
			s.arrive(t)
		}
	}
	for _, s := range []*site{a, b} {
		if _, err := s.marked(epoch); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s does not let go: %v", s.cfg.Node, err)
		}
	}
	left, err := objects.List(t.Context(), Dir(epoch))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range left {
		names = append(names, strings.TrimPrefix(o.Key, Dir(epoch)))
		if strings.HasSuffix(o.Key, ".m4s") {
			t.Errorf("%s is there still", o.Key)
		}
	}
	t.Logf("what stays: %v", names)
	for _, take := range mustTakes(t, b.Recorder)["es"] {
		if !take.Merged || len(take.Segments) == 0 {
			t.Errorf("%+v", take)
		}
	}
	var m Manifest
	text, err := os.ReadFile(filepath.Join(far, filepath.FromSlash(manifestKey(epoch))))
	if err != nil || json.Unmarshal(text, &m) != nil || m.State != store.Whole || m.Node != "b" {
		t.Errorf("%s, %v", text, err)
	}
}

// TestSentTooSlowly: where too much waits to be sent, segments are lost, and it is told.
func TestSentTooSlowly(t *testing.T) {
	l, d, dir := drawn(t), &diary{}, t.TempDir()
	up, err := upload.New(upload.Config{Dir: dir, Objects: objects{newShelf(t)}, MaxBytes: 200 << 10}) // which takes nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = up.Close(ctx)
	}()
	r := newRecorder(t, Config{Dir: dir, Journal: d, Upload: up})
	up.OnFull(r.Refused)
	var s stage
	g := r.start(t, about(epoch), l, &s)
	g.play(t, l, s.sink(t, "es"), 0, 24)
	if st := r.State(epoch); st.State != Failing || !strings.Contains(st.Why, "too much waits") {
		t.Errorf("%+v", st)
	}
	n := len(mustTakes(t, r)["es"][0].Segments)
	if dropped := r.Stats().Dropped; dropped == 0 || n+dropped != 5 {
		t.Errorf("%d segments, %d dropped", n, dropped)
	}
	r.end(g, false, nil)
	r.settle(t)
	if row := d.last(); row.State != store.CutShort || row.Why == "" {
		t.Errorf("%+v", row)
	}
}

// TestOpenedAgain: a session that comes back to its node, while its recording is being
// finished or has been, goes on in the same one.
func TestOpenedAgain(t *testing.T) {
	for name, settle := range map[string]bool{"while it is finished": false, "when it is": true} {
		t.Run(name, func(t *testing.T) {
			l, dir, d := drawn(t), t.TempDir(), &diary{}
			r := newRecorder(t, Config{Dir: dir, Journal: d})
			m := about(epoch)
			var first, second stage
			g := r.start(t, m, l, &first)
			g.play(t, l, first.sink(t, "es"), 0, 13)
			r.end(g, false, nil)
			if settle {
				r.settle(t)
			}
			g = r.start(t, m, l, &second)
			g.play(t, l, second.sink(t, "es"), 18, 32)
			if row := d.last(); row.State != store.Growing && settle {
				t.Errorf("%+v", row)
			}
			r.end(g, false, nil)
			r.settle(t)
			if row := d.last(); row.State != store.Whole || row.Languages[0].Duration.Round(time.Second) != 27*time.Second {
				t.Errorf("%+v", row)
			}
			near(t, "the film", number(t, probe(t, r.disk.path(fileKey(epoch, "es"))).Format.Duration), 27)
		})
	}
}

// TestOtherSize: the film has frames of all takes, also of one that began when the
// camera's were of another size.
func TestOtherSize(t *testing.T) {
	large, small, dir, d := drawn(t), drawnIn(t, "96x72"), t.TempDir(), &diary{}
	r := newRecorder(t, Config{Dir: dir, Journal: d})
	var first, second stage
	m := about(epoch)
	g := r.start(t, m, large, &first)
	g.play(t, large, first.sink(t, "es"), 0, 8)
	r.end(g, true, nil)
	g = r.start(t, m, small, &second)
	g.play(t, small, second.sink(t, "es"), 8, 16)
	r.end(g, false, nil)
	r.settle(t)
	path := r.disk.path(fileKey(epoch, "es"))
	near(t, "the film", number(t, probe(t, path).Format.Duration), 16)
	sizes := command(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0", path)
	if a, b := strings.Count(sizes, "160"), strings.Count(sizes, "96"); a != 200 || b != 200 {
		t.Errorf("%d frames of the one size, %d of the other", a, b)
	}
}
