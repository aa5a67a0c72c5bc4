package recording

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"livedub/internal/guard"
	"livedub/media"
	"livedub/media/cmaf"
)

// tape records one language of a call. Its sink cuts segments and never waits: they
// stand in a bounded queue before the goroutine that writes them.
type tape struct {
	at      *growing
	lang    string
	ended   chan struct{} // closed when the sink is
	written chan struct{} // closed when its goroutine has ended

	mu      sync.Mutex
	takes   []Take     // the last one is open, until the tape has ended
	init    *cmaf.Init // of the segments that come, where none of them was taken yet
	head    *cmaf.Init // of the take at hand; used by its goroutine alone
	queue   []cut
	waiting int // bytes of segments that are not on the disk yet
	closed  bool
	more    chan struct{} // holds one when the queue has changed
}

// cut is a segment to be written.
type cut struct {
	cmaf.Segment
	init *cmaf.Init // a take begins with it
}

func (c cut) described() Segment {
	return Segment{N: c.N, At: c.At, Duration: c.Duration, Bytes: int64(len(c.Data)), Whole: c.Whole}
}

func (g *growing) newTape(lang string) *tape {
	return &tape{at: g, lang: lang, ended: make(chan struct{}), written: make(chan struct{}), more: make(chan struct{}, 1)}
}

// sink returns what cuts the segments of the tape, and ends it when it is closed.
func (t *tape) sink() media.Sink {
	return &cutter{tape: t, Muxer: cmaf.New(cmaf.Config{
		Segment: SegmentLength,
		Init:    func(i cmaf.Init) error { t.begin(i); return nil },
		Closed:  func(s cmaf.Segment) error { t.offer(s); return nil },
	})}
}

// cutter cuts segments.
type cutter struct {
	*cmaf.Muxer
	tape *tape
	once sync.Once
}

// Close closes the last segment, and has what waits be written.
func (c *cutter) Close() (err error) {
	c.once.Do(func() {
		err = c.Muxer.Close()
		c.tape.end()
	})
	return err
}

// begin has a take begin with the next segment.
func (t *tape) begin(i cmaf.Init) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.init = &i
}

// offer takes a segment. One for which there is no room is lost.
func (t *tape) offer(s cmaf.Segment) {
	t.mu.Lock()
	late := t.waiting > 0 && t.waiting+len(s.Data) > maxWaiting
	if !late {
		t.queue = append(t.queue, cut{s, t.init})
		t.init = nil
		t.waiting += len(s.Data)
	}
	t.mu.Unlock()
	if late {
		t.at.failed(errors.New("the disk is too slow"))
	}
	t.changed()
}

func (t *tape) changed() {
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// end has the goroutine end behind what waits.
func (t *tape) end() {
	t.mu.Lock()
	was := t.closed
	t.closed = true
	t.mu.Unlock()
	if !was {
		close(t.ended)
	}
	t.changed()
	t.at.changed()
}

// next returns what is to be written next; ok is false at the end.
func (t *tape) next() (c cut, ok bool) {
	for {
		t.mu.Lock()
		if len(t.queue) > 0 {
			c = t.queue[0]
			t.queue[0] = cut{}
			t.queue = t.queue[1:]
			t.mu.Unlock()
			return c, true
		}
		closed := t.closed
		t.mu.Unlock()
		if closed {
			return cut{}, false
		}
		<-t.more
	}
}

// run writes segments until the tape ends.
func (t *tape) run() {
	defer close(t.written)
	for {
		c, ok := t.next()
		if !ok {
			break
		}
		var err error
		if !t.at.isErased() {
			if err = guard.Do("recorder", func() error { return t.write(c) }); err != nil {
				t.at.failed(err)
			} else {
				t.at.wrote(c)
			}
		}
		t.mu.Lock()
		t.waiting -= len(c.Data)
		if err != nil && c.init != nil && len(t.queue) > 0 && t.queue[0].init == nil { // the next one begins it
			t.queue[0].init = c.init
		} else if err != nil && c.init != nil && len(t.queue) == 0 && t.init == nil {
			t.init = c.init
		}
		t.mu.Unlock()
	}
	if !t.at.isErased() {
		if err := t.shut(); err != nil {
			t.at.failed(err)
		}
	}
}

// write puts a segment on the disk, and what leads to it.
func (t *tape) write(c cut) error {
	if err := t.at.r.disk.admit(int64(len(c.Data))); err != nil {
		return err
	}
	begin := c.init
	if begin == nil && len(t.last().Segments) >= maxTake {
		begin = t.head
	}
	if begin != nil {
		if err := t.open(begin); err != nil {
			return err
		}
	}
	take := t.last()
	if err := t.put(segmentKey(t.at.id, t.lang, take.Name, c.N), c.Data); err != nil {
		return err
	}
	if t.at.r.wasRefused(segmentKey(t.at.id, t.lang, take.Name, c.N)) {
		return errWaiting
	}
	take.Segments = append(take.Segments, c.described())
	t.set(take)
	// The list grows: it is sent on ever more seldom, so that all of them together stay small.
	n := len(take.Segments)
	return t.tell(take, n%(1+n/64) == 0)
}

// open begins a take.
func (t *tape) open(i *cmaf.Init) error {
	if err := t.shut(); err != nil {
		return err
	}
	if err := t.at.open(); err != nil {
		return err
	}
	fence := t.at.known().Fence
	take := Take{
		Name: takeName(fence, time.Now(), strings.ToLower(rand.Text()[:4])), Node: t.at.r.cfg.Node, Fence: fence,
		Width: i.Width, Height: i.Height, Codecs: i.Codecs, Segments: []Segment{},
	}
	if err := t.tell(take, true); err != nil {
		return err
	}
	if err := t.put(initKey(t.at.id, t.lang, take.Name), i.Data); err != nil {
		return err
	}
	t.head = i
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takes = append(t.takes, take)
	return nil
}

// shut closes the take at hand, if there is one.
func (t *tape) shut() error {
	take := t.last()
	if take.Name == "" || take.Closed {
		return nil
	}
	take.Closed = true
	t.set(take)
	return t.tell(take, true)
}

// maxTake is how many segments a take may have, an hour of them: its list is written
// anew with each.
const maxTake = 900

// errWaiting is why a segment is lost that could be written.
var errWaiting = errors.New("too much waits to be sent to where recordings are kept")

// put writes a file and announces it.
func (t *tape) put(key string, data []byte) error {
	if err := t.at.r.disk.write(key, data); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	t.at.r.announce(key)
	return nil
}

// tell writes down what a take has.
func (t *tape) tell(take Take, announce bool) error {
	key := takeKey(t.at.id, t.lang, take.Name)
	if err := t.at.r.disk.writeJSON(key, take); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if announce {
		t.at.r.announce(key)
	}
	return nil
}

// taken returns the takes so far. What they share with the tape is not changed in place.
func (t *tape) taken() []Take {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.takes)
}

// last returns the take at hand; one without a name where there is none.
func (t *tape) last() Take {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.takes) == 0 {
		return Take{}
	}
	return t.takes[len(t.takes)-1]
}

// set changes the take at hand.
func (t *tape) set(take Take) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takes[len(t.takes)-1] = take
}
