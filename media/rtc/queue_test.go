package rtc

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/media/pace"
	"livedub/media/packets"
)

// TestQueueAsksUntilItHasAKeyframe leaves a publisher unread until its queue has
// overflowed, and the keyframe asked for with it: whoever reads then sees again.
func TestQueueAsksUntilItHasAKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Publisher{clock: pace.NewWall()}
		asked, due := 0, time.Duration(-1)
		p.inputs = map[media.Kind]*input{media.Video: {ask: func() { asked, due = asked+1, p.clock.Now()+200*time.Millisecond }}}
		p.queue = packets.NewQueue(queuePackets, queueBytes, p.Keyframe)
		seen := 0
		for i := range 90 * 30 {
			now := p.clock.Now()
			k := media.Packet{Kind: media.Video, PTS: now, Key: due >= 0 && now >= due}
			if k.Key {
				due = -1
			}
			p.queue.Push(k)
			if i == 80*30 && asked != 1 {
				t.Errorf("%d keyframes asked for while nobody read", asked)
			}
			for read := i > 80*30; read; {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				got, err := p.queue.Pop(ctx)
				if read = err == nil; read {
					if seen++; seen == 1 && (!got.Key || !got.Gap) {
						t.Errorf("begins with %+v", got)
					}
				}
				cancel()
			}
			time.Sleep(time.Second / 30)
		}
		if seen < 9*30 || asked > 3 {
			t.Errorf("%d frames in 10 s, %d keyframes asked for", seen, asked)
		}
	})
}

// TestOutQueueNeverBlocks fills a viewer's queue: frames stop up to the next keyframe, sound goes on when there is room.
func TestOutQueueNeverBlocks(t *testing.T) {
	asked := 0
	q := newOutQueue(func() { asked++ })
	q.push(media.Packet{Kind: media.Video, Key: true}) // before the viewer is there
	q.start()
	q.push(media.Packet{Kind: media.Video, PTS: 1})
	if asked != 1 || q.drops() != 1 {
		t.Errorf("a frame without its keyframe: %d asked, %d dropped", asked, q.drops())
	}
	for i := range outPackets + 3 {
		q.push(media.Packet{Kind: media.Video, PTS: time.Duration(i), Key: i == 0})
	}
	got, ok := q.take()
	if !ok || len(got) != outPackets || q.drops() != 4 {
		t.Fatalf("%d packets, %d dropped", len(got), q.drops())
	}
	q.push(media.Packet{Kind: media.Video, PTS: 1000})
	q.push(media.Packet{Kind: media.Audio, PTS: 1001})
	q.push(media.Packet{Kind: media.Video, PTS: 1002, Key: true})
	got, _ = q.take()
	if len(got) != 2 || got[0].PTS != 1001 || got[1].PTS != 1002 {
		t.Errorf("after the overflow: %+v", got)
	}
	q.close()
	q.close()
	if _, ok := q.take(); ok {
		t.Error("take after close")
	}
}
