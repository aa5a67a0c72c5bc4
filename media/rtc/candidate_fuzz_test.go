package rtc

import (
	"strings"
	"testing"

	"livedub/media/pace"
)

// FuzzAddCandidate: no trickled candidate ends a peer, and none is taken that is too long.
func FuzzAddCandidate(f *testing.F) {
	for _, s := range []string{"", "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host", "candidate:1 1 tcp 1 ::1 9 typ host tcptype active",
		"candidate:1 1 udp 1 x.local 9 typ host", "candidate:1 1 udp 1 999.1.1.1 1 typ host", "\x00\xff", strings.Repeat("candidate:", 200)} {
		f.Add(s)
	}
	h, err := NewHost(Config{Loopback: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = h.Close() })
	var p *Publisher
	f.Fuzz(func(t *testing.T, s string) {
		if p == nil || p.candidates >= maxCandidates { // it takes no more
			if p != nil {
				must(t, p.Close())
			}
			var err error
			p, _, err = h.Publish(t.Context(), sdpOf("audio sendonly "+opusPT), PublishOptions{Clock: pace.NewWall()})
			must(t, err)
		}
		if err := p.AddCandidate(s); err == nil && len(strings.TrimSpace(s)) > 1024+2 {
			t.Errorf("%d bytes were taken", len(s))
		}
		select {
		case <-p.quit:
			t.Errorf("%q ended the peer", s)
		default:
		}
	})
}
