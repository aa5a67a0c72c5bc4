package packets

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestQueueDropsTheOldestToAKeyframe overfills it: what is left begins with a marked keyframe.
func TestQueueDropsTheOldestToAKeyframe(t *testing.T) {
	const most, mostBytes = 1024, 24 << 20
	asked := 0
	q := NewQueue(most, mostBytes, func() { asked++ })
	n := most + 5
	for i := range n {
		q.Push(media.Packet{Kind: media.Video, PTS: time.Duration(i), Key: i%20 == 0, Data: []byte{1}})
	}
	q.Push(media.Packet{Kind: media.Audio, PTS: time.Duration(n)})
	q.Close()
	q.Push(media.Packet{Kind: media.Audio})
	p, err := q.Pop(t.Context())
	if err != nil || p.PTS != 20 || !p.Gap || !p.Key {
		t.Errorf("first left: %+v, %v", p, err)
	}
	left := 1
	for {
		p, err = q.Pop(t.Context())
		if err != nil {
			break
		}
		left++
		if p.Gap {
			t.Errorf("%v is marked too", p.PTS)
		}
	}
	if !errors.Is(err, io.EOF) || left != n-20+1 || q.Drops() != 20 || asked != 1 {
		t.Errorf("%v after %d, %d dropped, %d keyframes asked for", err, left, q.Drops(), asked)
	}
	q2 := NewQueue(most, mostBytes, func() {})
	q2.Push(media.Packet{Kind: media.Video, Data: make([]byte, mostBytes)})
	q2.Push(media.Packet{Kind: media.Audio, Data: []byte{1}})
	if p, _ := q2.Pop(t.Context()); p.Kind != media.Audio || p.Gap {
		t.Errorf("bytes are not bounded: %v", p.Kind)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q2.Pop(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
