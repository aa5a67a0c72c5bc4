package work

import (
	"runtime"
	"sync"
	"time"

	"livedub/internal/proc"
)

// Meter adds up the CPU time of a session's stages.
type Meter struct {
	mu    sync.Mutex
	spent map[string]time.Duration
}

func NewMeter() *Meter { return &Meter{spent: map[string]time.Duration{}} }

// Do runs fn and books its thread's CPU time on stage. fn must do its work on
// the calling goroutine.
func (m *Meter) Do(stage string, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := proc.ThreadCPU()
	err := fn()
	m.add(stage, proc.ThreadCPU()-before)
	return err
}

func (m *Meter) add(stage string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spent[stage] += d
}

func (m *Meter) Read() map[string]time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]time.Duration, len(m.spent))
	for k, v := range m.spent {
		out[k] = v
	}
	return out
}
