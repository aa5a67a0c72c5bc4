package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/inference/glossary"
	"livedub/media/rtc"
	"livedub/session/live"
	"livedub/session/spec"
	"livedub/signaling"
)

// TestRefuse: what the session and the media port say has its kind at the endpoints, and keeps its words.
func TestRefuse(t *testing.T) {
	m := live.NewManager(live.ManagerConfig{
		Engines: spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}},
		Base:    spec.Config{Profile: spec.Sync}, Max: 1,
	})
	defer m.Close()
	create := func(from, to inference.Lang) error {
		_, err := m.Create(spec.Spec{From: from, To: []inference.Lang{to}})
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want *signaling.Kind
	}{
		{"not found", m.Delete("none"), signaling.ErrNotFound},
		{"busy", fmt.Errorf("session a: %w: wait", spec.ErrBusy), signaling.ErrBusy},
		{"full", fmt.Errorf("%w: try again later", spec.ErrFull), signaling.ErrFull},
		{"exists", fmt.Errorf("session a: %w", spec.ErrExists), signaling.ErrExists},
		{"no lips", fmt.Errorf("es: %w", spec.ErrNoLips), signaling.ErrNoLips},
		{"what cannot be", fmt.Errorf("session: %w: no", spec.ErrInvalid), signaling.ErrBadRequest},
		{"a pair that does not work", create("en", "xx"), signaling.ErrUnsupportedPair},
		{"no codec", fmt.Errorf("offer: %w", rtc.ErrNoCodec), signaling.ErrNoCodec},
		{"closing", fmt.Errorf("view: %w", rtc.ErrClosed), signaling.ErrClosing},
		{"joined with a clean end", errors.Join(refuse(spec.ErrNotFound), nil), signaling.ErrNotFound},
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

// TestCreateTellsWhatIsWrong: what a session cannot be is a bad request, in words that are short.
func TestCreateTellsWhatIsWrong(t *testing.T) {
	engines := spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}}
	m := live.NewManager(live.ManagerConfig{Engines: engines, Base: spec.Config{Profile: spec.Sync}, Max: 1})
	defer m.Close()
	c := &calls{manager: m, engines: engines}
	for want, change := range map[string]func(*signaling.Request){
		`name "a b": use 1 to 64`:        func(r *signaling.Request) { r.ID = "a b" },
		`use 1 to 64 letters`:            func(r *signaling.Request) { r.ID = strings.Repeat("a", 65000) },
		`profile "quick": choose sync`:   func(r *signaling.Request) { r.Profile = "quick" },
		`delay -1ms: choose 0 to 1m`:     func(r *signaling.Request) { r.DelayMS = new(-1) },
		`delay 1m0.001s: choose 0 to 1m`: func(r *signaling.Request) { r.DelayMS = new(60_001) },
		`: choose 0 to 1m`:               func(r *signaling.Request) { r.DelayMS = new(18_446_744_073_710) }, // in nanoseconds it would wrap to nearly none
		`"es" is named twice`:            func(r *signaling.Request) { r.To = []inference.Lang{"es", "es"} },
	} {
		r := signaling.Request{From: "en", To: []inference.Lang{"es"}}
		change(&r)
		_, err := c.Create(t.Context(), r)
		e := signaling.Explain(err)
		if e.Kind != signaling.ErrBadRequest || !strings.Contains(e.Message, want) || len(e.Message) > 200 {
			t.Errorf("got %v %.200q, want %q", e.Kind, e.Message, want)
		}
	}
	if _, err := c.Create(t.Context(), signaling.Request{ID: "ok", From: "en", To: []inference.Lang{"es"}, Profile: "live", DelayMS: new(0)}); err != nil {
		t.Error(err)
	}
}

// TestWords: what the speaker has named is the session's, at first and when it changes.
func TestWords(t *testing.T) {
	engines := spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}}
	m := live.NewManager(live.ManagerConfig{Engines: engines, Base: spec.Config{Profile: spec.Sync}, Max: 1})
	defer m.Close()
	c := &calls{manager: m, engines: engines}
	first, then := glossary.Words{Keep: []string{"Torres"}}, glossary.Words{Keep: []string{"Blanco"}}
	info, err := c.Create(t.Context(), signaling.Request{ID: "a", From: "en", To: []inference.Lang{"es"}, Words: first})
	if err != nil || !reflect.DeepEqual(info.Words, first) {
		t.Errorf("%+v, %v", info.Words, err)
	}
	info, err = c.SetWords("a", then)
	call, gone := m.Get("a")
	if err != nil || gone != nil || !reflect.DeepEqual(info.Words, then) || !reflect.DeepEqual(call.Words(), then) {
		t.Errorf("%+v, %v", info.Words, err)
	}
	if _, err := c.SetWords("none", then); !errors.Is(err, signaling.ErrNotFound) {
		t.Errorf("of no session: %v", err)
	}
}

// TestUnusedOfAnAddress: an address may have so many sessions that nobody has published in, and no more until one ends.
func TestUnusedOfAnAddress(t *testing.T) {
	engines := spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}}
	m := live.NewManager(live.ManagerConfig{Engines: engines, Base: spec.Config{Profile: spec.Sync}, Max: 10})
	defer m.Close()
	c := &calls{manager: m, engines: engines, unused: 2}
	create := func(addr, id string) error {
		var err error
		h := signaling.NewFront(signaling.FrontConfig{}).Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err = c.Create(r.Context(), signaling.Request{ID: id, From: "en", To: []inference.Lang{"es"}})
		}))
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = addr
		h.ServeHTTP(httptest.NewRecorder(), r)
		return err
	}
	for _, s := range []struct {
		addr, id string
		refused  bool
	}{
		{"198.51.100.1:1", "a", false}, {"198.51.100.1:2", "b", false}, {"198.51.100.1:3", "c", true},
		{"198.51.100.2:1", "d", false},
	} {
		if err := create(s.addr, s.id); s.refused != errors.Is(err, signaling.ErrRate) || !s.refused && err != nil {
			t.Errorf("%s of %s: %v", s.id, s.addr, err)
		}
	}
	if err := m.Delete("a"); err != nil {
		t.Fatal(err)
	}
	if err := create("198.51.100.1:4", "e"); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}
