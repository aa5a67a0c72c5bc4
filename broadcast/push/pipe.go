package push

import (
	"context"
	"sync"
	"time"

	"livedub/media"
)

// Bounds of what waits for a far end.
const (
	mostWait  = 3 * time.Second // of media
	mostBytes = 8 << 20
	mostItems = 4096
)

// item is a packet of one of an output's tracks.
type item struct {
	sink int // by language
	media.Packet
}

// pipe is between the sinks of a call and the goroutine of an output. Putting never
// waits: a far end that does not keep up loses what waits, and then frames up to the
// next keyframe.
type pipe struct {
	mu      sync.Mutex
	items   []item
	bytes   int
	open    bool
	blind   bool // frames are left out until a keyframe comes
	live    bool // what is left out counts
	dropped uint64
	wake    chan struct{} // holds one where there is something to take
}

func newPipe() *pipe { return &pipe{wake: make(chan struct{}, 1)} }

// put takes a packet, if the pipe is open.
func (q *pipe) put(x item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.open {
		return
	}
	if x.Kind == media.Video {
		if q.blind && !x.Key {
			q.lose()
			return
		}
		q.blind = false
	}
	q.items = append(q.items, x)
	q.bytes += len(x.Data)
	if q.bytes > mostBytes || len(q.items) > mostItems || x.PTS-q.items[0].PTS > mostWait {
		q.drop()
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// drop lets go of all that waits; the caller has the lock.
func (q *pipe) drop() {
	for _, x := range q.items {
		if x.Kind == media.Video {
			q.lose()
			q.blind = true
		}
	}
	q.items, q.bytes = nil, 0
}

func (q *pipe) lose() {
	if q.live {
		q.dropped++
	}
}

// counts tells that a far end takes what comes: what is left out from now on, it lacks.
func (q *pipe) counts() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.live = true
}

// begin empties the pipe and opens it: what comes from now on is taken.
func (q *pipe) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items, q.bytes, q.open, q.blind, q.live = nil, 0, true, false, false
}

// end closes the pipe. What waits is nobody's loss.
func (q *pipe) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items, q.bytes, q.open = nil, 0, false
}

// next takes the next packet; false where none has come for d, or ctx or done has ended.
func (q *pipe) next(ctx context.Context, done <-chan struct{}, d time.Duration) (x item, ok bool) {
	if !q.wait(ctx, done, d) {
		return x, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 { // they were dropped meanwhile
		return x, false
	}
	x = q.items[0]
	q.items[0] = item{}
	q.items = q.items[1:]
	q.bytes -= len(x.Data)
	return x, true
}

// wait waits for a packet.
func (q *pipe) wait(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		q.mu.Lock()
		some := len(q.items) > 0
		q.mu.Unlock()
		if some {
			return ctx.Err() == nil
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return false
		case <-done:
			return false
		case <-timer.C:
			return false
		}
	}
}

// lost returns how many frames were left out.
func (q *pipe) lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// tap is one language's sink.
type tap struct {
	to    *pipe
	sink  int
	video bool // the picture is wanted

	mu     sync.Mutex
	tracks [media.Video + 1]*media.Track
	closed bool
}

var (
	_ media.Sink       = (*tap)(nil)
	_ media.TrackAdder = (*tap)(nil)
)

func (t *tap) Codecs() (video, audio media.Codec) {
	if t.video {
		video = media.H264
	}
	return video, media.AAC
}

func (t *tap) Start(tracks []media.Track) error {
	for _, x := range tracks {
		if err := t.AddTrack(x); err != nil {
			return err
		}
	}
	return nil
}

func (t *tap) AddTrack(x media.Track) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tracks[x.Kind] = &x
	return nil
}

func (t *tap) Write(p media.Packet) error {
	t.to.put(item{t.sink, p})
	return nil
}

func (t *tap) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return nil
}

// track returns the one of a kind, nil while none is known.
func (t *tap) track(k media.Kind) *media.Track {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tracks[k]
}

func (t *tap) gone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}
