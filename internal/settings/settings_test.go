package settings

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDelay(t *testing.T) {
	for _, tt := range []struct {
		profile string
		ms      int
		want    time.Duration
	}{
		{"sync", 0, 4 * time.Second}, {"live", 0, 120 * time.Millisecond}, {"live", 250, 250 * time.Millisecond},
	} {
		c := config.Default()
		c.Session.Profile, c.Session.DelayMS = tt.profile, tt.ms
		if got := Session(c).Delay; got != tt.want {
			t.Errorf("%s, %d ms: %v, want %v", tt.profile, tt.ms, got, tt.want)
		}
	}
}
