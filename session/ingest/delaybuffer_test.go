package ingest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/session/work"
)

// TestDelayBufferIsBounded: by time, and by bytes.
func TestDelayBufferIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		fill := func(q *work.Queue[media.Packet], size int) (n int) {
			for ; q.Put(ctx, media.Packet{DTS: time.Duration(n) * time.Duration(.04*float64(time.Second)), Data: make([]byte, size)}) == nil; n++ {
			}
			return n
		}
		if n := fill(NewDelayBuffer(time.Duration(2*float64(time.Second))), 100); n < 50 || n > 53 {
			t.Errorf("%d frames in 2 s at 25/s", n)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n := fill(NewDelayBuffer(time.Hour), maxHeld/8); n != 8 {
			t.Errorf("%d frames of an eighth of what is held", n)
		}
	})
}
