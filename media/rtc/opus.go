package rtc

import "time"

// opusDuration returns how long an Opus packet sounds, 0 if it is malformed (RFC 6716, 3.1).
func opusDuration(p []byte) time.Duration {
	if len(p) == 0 {
		return 0
	}
	config := p[0] >> 3
	var frame time.Duration
	switch {
	case config < 12: // SILK
		frame = []time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16: // hybrid
		frame = []time.Duration{10, 20}[config&1] * time.Millisecond
	default: // CELT
		frame = 2500 * time.Microsecond << (config & 3)
	}
	count := time.Duration(1)
	switch p[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(p) < 2 {
			return 0
		}
		count = time.Duration(p[1] & 0x3f)
	}
	if d := frame * count; d <= 120*time.Millisecond {
		return d
	}
	return 0
}
