package spec

import (
	"testing"
	"time"
)

// TestDecoder: hardware that holds frames back is for sessions with the time for it.
func TestDecoder(t *testing.T) {
	c := Config{Delay: 4 * time.Second, Video: VideoConfig{Decoder: "nvdec"}}
	if got := c.Decoder(); got != "nvdec" {
		t.Errorf("with %v: %q", c.Delay, got)
	}
	if c.Delay = 120 * time.Millisecond; c.Decoder() != "cpu" {
		t.Errorf("with %v: %q", c.Delay, c.Decoder())
	}
}
