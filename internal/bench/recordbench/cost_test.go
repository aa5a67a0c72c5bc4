package recordbench

import (
	"strings"
	"testing"
	"time"

	"livedub/media"
)

// TestCost: figures come of every frame, and nothing is left behind.
func TestCost(t *testing.T) {
	short := costTimes{rounds: 1, turn: time.Second, settling: time.Second, remembered: 2 * time.Second}
	c, err := short.measure(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if c.LiveMS <= 0 || c.ProgramMS <= 0 || c.CPURatio <= 0 || c.MemMB < 1 || c.MemMB > 200 {
		t.Errorf("%+v", c)
	}
	if n := media.LiveFrames(); n != 0 {
		t.Errorf("%d frames were not released", n)
	}
}

// TestKillsNeed: what is missing is named, with what to do about it.
func TestKillsNeed(t *testing.T) {
	if _, err := Kills(t.Context(), t.TempDir(), 1, func(string) {}); err == nil || !strings.Contains(err.Error(), "run make build") {
		t.Errorf("without the program: %v", err)
	}
}
