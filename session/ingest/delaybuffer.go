package ingest

import (
	"time"

	"livedub/media"
	"livedub/session/work"
)

// maxHeld is how many bytes of compressed frames a session holds at most.
const maxHeld = 64 << 20

// NewDelayBuffer returns the delay buffer of frames: compressed frames, held until they are
// wanted, bounded by time and bytes.
func NewDelayBuffer(span time.Duration) *work.Queue[media.Packet] {
	return work.NewQueue(func(q []media.Packet) bool {
		bytes := 0
		for _, p := range q {
			bytes += len(p.Data)
		}
		return len(q) > 2 && (bytes > maxHeld || q[len(q)-2].DTS-q[0].DTS > span)
	})
}
