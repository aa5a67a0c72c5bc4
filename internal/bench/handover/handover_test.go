package handover

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/redisproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNeeds: what is missing is named, with what to do about it, and nothing is left running.
func TestNeeds(t *testing.T) {
	c := Config{Bin: t.TempDir(), RTTs: []time.Duration{0}, Progress: func(string) {}}
	if redis, err := redisproc.New(t.TempDir()); err == nil {
		if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "run make build") {
			t.Errorf("without the programs, with a Redis for %s: %v", redis.Addr, err)
		}
	}
	t.Setenv("PATH", "")
	if _, err := Run(t.Context(), c); !errors.Is(err, redisproc.ErrMissing) || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("without Redis: %v", err)
	}
}
