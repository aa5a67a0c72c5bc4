package broadcast

import (
	"errors"
	"testing"
	"time"

	"livedub/inference"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
)

// TestFollow: a real call is there by its name from its beginning on, and for a while
// behind its end; then it is not.
func TestFollow(t *testing.T) {
	b := New(Config{Tail: 200 * time.Millisecond})
	defer b.Close()
	m := live.NewManager(live.ManagerConfig{
		Base: spec.Config{Profile: spec.Sync, Delay: 500 * time.Millisecond, Video: spec.VideoConfig{MaxWidth: 1280, MaxHeight: 720, Hardware: "off"}},
		Max:  2, Idle: time.Minute, Follow: []func(*live.Call, *record.Reader){b.Follow},
	})
	defer m.Close()
	c, err := m.Create(spec.Spec{ID: "talk", From: "en", To: []inference.Lang{"en"}})
	if err != nil {
		t.Fatal(err)
	}
	var p *Program
	eventually(t, "the call is there", func() bool { p, err = b.Program("talk"); return err == nil })
	if id, epoch := p.Session(); id != "talk" || epoch != c.Epoch {
		t.Errorf("%s %s", id, epoch)
	}
	p.touch()
	eventually(t, "its language is attached", func() bool { return b.Stats().Programs == 1 && c.Viewers() == 1 })
	if err := m.Delete("talk"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is forgotten", func() bool { _, err := b.Program("talk"); return errors.Is(err, ErrNotFound) })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}
