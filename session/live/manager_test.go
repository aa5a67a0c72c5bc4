package live

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/session/spec"
)

// TestCreateCompletes: what a session is asked to be is completed by the
// manager's base: the original is never a target, the profile brings its D.
func TestCreateCompletes(t *testing.T) {
	three := 3 * time.Second
	for name, c := range map[string]struct {
		asked  spec.Spec
		to     string
		delay  time.Duration
		phases string
	}{
		"the base":         {spec.Spec{ID: "a", From: "en", To: []inference.Lang{"es"}}, "[es]", 4 * time.Second, "new"},
		"the original too": {spec.Spec{ID: "a", From: "en", To: []inference.Lang{"en", "es"}}, "[es]", 4 * time.Second, "new"},
		"nothing else":     {spec.Spec{ID: "a", From: "en", To: []inference.Lang{"en"}}, "[]", 4 * time.Second, "new"},
		"another profile":  {spec.Spec{ID: "a", From: "en", To: []inference.Lang{"es"}, Profile: spec.Live}, "[es]", 120 * time.Millisecond, "new"},
		"a D of its own":   {spec.Spec{ID: "a", From: "en", To: []inference.Lang{"es"}, Delay: &three}, "[es]", three, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewManager(ManagerConfig{Base: spec.Config{Profile: spec.Sync, Delay: 4 * time.Second}, Max: 1, Idle: time.Minute})
				defer m.Close()
				call, err := m.Create(c.asked)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(call.Targets()); got != c.to || *call.Spec.Delay != c.delay || call.Phase() != c.phases {
					t.Errorf("to %s, D %v, %s; want %s, %v, %s", got, *call.Spec.Delay, call.Phase(), c.to, c.delay, c.phases)
				}
				if !call.Has("en") {
					t.Error("the original cannot be attached to")
				}
				if _, err := m.Create(spec.Spec{From: "en"}); !errors.Is(err, spec.ErrFull) {
					t.Errorf("a second of one: %v", err)
				}
				time.Sleep(2 * time.Minute)
				if _, err := m.Get("a"); !errors.Is(err, spec.ErrNotFound) {
					t.Errorf("nobody used it: %v", err)
				}
			})
		})
	}
}
