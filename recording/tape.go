package recording

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"livedub/internal/guard"
	"livedub/media"
)

// tape records one language of a call. Its sink cuts segments and never waits: they
// stand in a bounded queue before the goroutine that writes them.
type tape struct {
	at       *growing
	lang     string
	original bool
	ended    chan struct{} // closed when the sink is
	written  chan struct{} // closed when its goroutine has ended

	mu      sync.Mutex
	take    Take // nothing was recorded yet while its Name is ""
	init    []byte
	queue   []cut
	waiting int // bytes in queue
	closed  bool
	dropped int
	more    chan struct{} // holds one when the queue has changed
}

// cut is a segment with its bytes.
type cut struct {
	Segment
	data []byte
}

// head is what comes before the segments of a take.
type head struct {
	data          []byte // the initialization section
	codecs        string
	width, height int
}

func (g *growing) newTape(lang string, original bool) *tape {
	return &tape{at: g, lang: lang, original: original, ended: make(chan struct{}), written: make(chan struct{}), more: make(chan struct{}, 1)}
}

// closing is a sink that tells when it is closed.
type closing struct {
	media.Sink
	tape *tape
	once sync.Once
}

// Close closes the sink, and has what waits be written.
func (c *closing) Close() (err error) {
	c.once.Do(func() {
		err = c.Sink.Close()
		c.tape.end()
	})
	return err
}

// begin takes the head of what comes.
func (t *tape) begin(h head) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.at.r
	t.take = Take{
		Name: takeName(t.at.fence, time.Now(), strings.ToLower(rand.Text()[:4])), Node: r.cfg.Node, Fence: t.at.fence,
		Width: h.width, Height: h.height, Codecs: h.codecs, Segments: []Segment{},
	}
	t.init = h.data
	return nil
}

// offer takes a segment. One for which there is no room is lost.
func (t *tape) offer(c cut) {
	t.mu.Lock()
	late := len(t.queue) > 0 && t.waiting+len(c.data) > maxWaiting
	if !late {
		t.queue = append(t.queue, c)
		t.waiting += len(c.data)
	}
	t.mu.Unlock()
	if late {
		t.lose(errors.New("the disk was too slow"))
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

// lose takes note of a segment that is lost.
func (t *tape) lose(why error) {
	t.mu.Lock()
	t.dropped++
	t.mu.Unlock()
	t.at.failed(why)
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
		if t.at.isErased() {
			continue
		}
		err := guard.Do("recorder", func() error { return t.write(c) })
		t.mu.Lock()
		t.waiting -= len(c.data)
		t.mu.Unlock()
		if err != nil {
			t.lose(err)
		} else {
			t.at.wrote(c)
		}
	}
	if took := t.taken(); took.Name != "" && !t.at.isErased() {
		took.Closed = true
		t.set(took)
		if err := t.tell(took, true); err != nil {
			t.at.failed(err)
		}
	}
}

// write puts a segment on the disk, and what leads to it.
func (t *tape) write(c cut) error {
	d, id, take := t.at.r.disk, t.at.id, t.taken()
	if err := d.admit(int64(len(c.data))); err != nil {
		return err
	}
	if t.init != nil { // nothing of this take is there yet
		if err := t.at.open(); err != nil {
			return err
		}
		if err := t.tell(take, true); err != nil {
			return err
		}
		if err := t.put(initKey(id, t.lang, take.Name), t.init); err != nil {
			return err
		}
		t.init = nil
	}
	if err := t.put(segmentKey(id, t.lang, take.Name, c.N), c.data); err != nil {
		return err
	}
	take.Segments = append(take.Segments, c.Segment)
	t.set(take)
	// The list grows: it is sent on ever more seldom, so that all of them together stay small.
	n := len(take.Segments)
	return t.tell(take, n%(1+n/64) == 0)
}

// put writes a file and announces it.
func (t *tape) put(key string, data []byte) error {
	if err := t.at.r.disk.write(key, data); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	t.at.r.announce(key)
	return nil
}

// tell writes down what the take has.
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

// taken returns the take as it is now. What it shares with others is not changed in place.
func (t *tape) taken() Take {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take
}

func (t *tape) set(take Take) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take = take
}
