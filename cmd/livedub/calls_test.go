package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media/rtc"
	"livedub/session"
	"livedub/signaling"
)

// TestRefuse: what the session and the media port say has its kind at the doors, and keeps its words.
func TestRefuse(t *testing.T) {
	m := session.NewManager(session.ManagerConfig{
		Engines: session.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Speaker: &fake.Speaker{}},
		Base:    session.Config{Profile: session.Sync}, Max: 1,
	})
	defer m.Close()
	create := func(from, to inference.Lang) error {
		_, err := m.Create(session.Spec{From: from, To: []inference.Lang{to}})
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want *signaling.Kind
	}{
		{"not found", m.Delete("none"), signaling.ErrNotFound},
		{"busy", fmt.Errorf("session a: %w: wait", session.ErrBusy), signaling.ErrBusy},
		{"full", fmt.Errorf("%w: try again later", session.ErrFull), signaling.ErrFull},
		{"exists", fmt.Errorf("session a: %w", session.ErrExists), signaling.ErrExists},
		{"no lips", fmt.Errorf("es: %w", session.ErrNoLips), signaling.ErrNoLips},
		{"the language spoken", create("en", "en"), signaling.ErrBadRequest},
		{"a pair that does not work", create("en", "xx"), signaling.ErrUnsupportedPair},
		{"no codec", fmt.Errorf("offer: %w", rtc.ErrNoCodec), signaling.ErrNoCodec},
		{"closing", fmt.Errorf("view: %w", rtc.ErrClosed), signaling.ErrClosing},
		{"joined with a clean end", errors.Join(refuse(session.ErrNotFound), nil), signaling.ErrNotFound},
		{"anything else", errors.New("the disk is full"), signaling.ErrInternal},
	} {
		got := signaling.Explain(refuse(c.err))
		if got.Kind != c.want {
			t.Errorf("%s: %v became %v", c.name, c.err, got.Kind)
		}
		if c.want != signaling.ErrInternal && !strings.Contains(got.Message, c.err.Error()) {
			t.Errorf("%s: %v became %q", c.name, c.err, got.Message)
		}
	}
	if err := refuse(nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
}
