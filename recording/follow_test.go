package recording

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/store"
)

// speaker publishes a loop in time with a session's clock.
type speaker struct {
	*loop
	clock pace.Clock
	from  time.Duration
	next  int
	done  chan struct{}
	once  sync.Once
}

func (s *speaker) Tracks() []media.Track       { return s.tracks }
func (s *speaker) Ready(context.Context) error { return nil }
func (s *speaker) Silent() time.Duration       { return 0 }
func (s *speaker) Done() <-chan struct{}       { return s.done }
func (s *speaker) Close() error                { s.once.Do(func() { close(s.done) }); return nil }

func (s *speaker) Read(ctx context.Context) (media.Packet, error) {
	p := s.packets[s.next%len(s.packets)]
	shift := s.from + time.Duration(s.next/len(s.packets))*loopLength
	p.PTS, p.DTS = p.PTS+shift, p.DTS+shift
	s.next++
	select {
	case <-time.After(p.DTS - s.clock.Now()):
		return p, nil
	case <-s.done:
		return media.Packet{}, io.EOF
	case <-ctx.Done():
		return media.Packet{}, ctx.Err()
	}
}

// TestFollow: a live call is recorded in each of its languages, as they come and go.
func TestFollow(t *testing.T) {
	l, dir, d := drawn(t), t.TempDir(), &diary{}
	r := newRecorder(t, Config{Dir: dir, Journal: d, Original: true})
	m := live.NewManager(live.ManagerConfig{
		Base: spec.Config{Profile: spec.Sync, Delay: 500 * time.Millisecond, Video: spec.VideoConfig{MaxWidth: 1280, MaxHeight: 720, Hardware: "off"}},
		Max:  2, Idle: time.Minute, Follow: []func(*live.Call, *record.Reader){r.Follow},
	})
	defer m.Close()
	asked := spec.Spec{ID: "talk", From: "en", To: []inference.Lang{"es"}, Consent: true}
	c, err := m.Create(asked)
	if err != nil {
		t.Fatal(err)
	}
	asked.ID, asked.Consent = "silent", false
	none, err := m.Create(asked)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(c *live.Call) {
		t.Helper()
		if err := c.Publish(&speaker{loop: l, clock: c.Clock, from: c.Clock.Now(), done: make(chan struct{})}); err != nil {
			t.Fatal(err)
		}
	}
	publish(c)
	publish(none)
	time.Sleep(4 * time.Second)
	if err := c.SetTargets(t.Context(), []inference.Lang{"ca"}); err != nil {
		t.Fatal(err)
	}
	if st := r.State(c.Epoch); st.State != On {
		t.Errorf("%+v", st)
	}
	if st := r.State(none.Epoch); st.State != Off || st.Why == "" || c.Viewers() != 0 {
		t.Errorf("without consent: %+v; %d viewers", st, c.Viewers())
	}
	time.Sleep(4 * time.Second)
	m.Close()
	r.settle(t)
	row := d.last()
	if row.ID != c.Epoch || row.State != store.Whole || row.Session != "talk" || row.Consent.IsZero() || len(row.Languages) != 3 {
		t.Fatalf("%+v", row)
	}
	for i, want := range []struct {
		lang     string
		original bool
		s        float64
	}{{"ca", false, 3.5}, {"en", true, 7.5}, {"es", false, 3.5}} {
		got := row.Languages[i]
		if got.Lang != want.lang || got.Original != want.original || got.Duration.Seconds() < want.s-1.5 || got.Duration.Seconds() > want.s+1 {
			t.Errorf("%+v, want %+v", got, want)
		}
		p := probe(t, r.disk.path(Dir(c.Epoch)+got.File))
		if len(p.Streams) != 2 {
			t.Errorf("%s: %+v", got.Lang, p.Streams)
		}
	}
	if names, err := r.disk.names(root); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}
