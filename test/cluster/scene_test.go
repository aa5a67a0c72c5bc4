package cluster

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"livedub/internal/testkit/groundtest"
)

// scene is one try of a scenario. It keeps what went wrong, for a machine that is busy
// with other things is given another try.
type scene struct {
	*testing.T
	mu      sync.Mutex
	faults  []string
	cleanup []func()
}

// play tries a scenario beside others.
func play(t *testing.T, do func(t *scene)) {
	t.Helper()
	t.Parallel()
	for try := 1; ; try++ {
		load := groundtest.NewStrain(t)
		s := &scene{T: t}
		done := make(chan struct{})
		go func() { // which Fatal ends
			defer close(done)
			defer s.clean()
			do(s)
		}()
		<-done
		why, heavy := load.Heavy(t)
		if t.Skipped() {
			return
		}
		if len(s.faults) > 0 && heavy && try < groundtest.Tries {
			t.Logf("once more, for the machine is busy with other things: %s: %q", why, s.faults)
			continue
		}
		for _, f := range s.faults {
			t.Error(f)
		}
		t.Log(why)
		return
	}
}

func (s *scene) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *scene) Error(args ...any) { s.Errorf("%s", fmt.Sprint(args...)) }

func (s *scene) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

func (s *scene) Fatal(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }

func (s *scene) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults) > 0
}

// Cleanup has something done when the try ends.
func (s *scene) Cleanup(f func()) { s.cleanup = append(s.cleanup, f) }

func (s *scene) clean() {
	for _, f := range slices.Backward(s.cleanup) {
		f()
	}
}
