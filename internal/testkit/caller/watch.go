package caller

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Move is why a client connects anew.
type Move int

const (
	Died    Move = iota // the node was lost: at once
	Drained             // the node lets go: make before break
)

// String names it.
func (m Move) String() string {
	if m == Drained {
		return "drained"
	}
	return "died"
}

// news is that another node holds the session.
type news struct {
	how   Move
	fence int64
}

// push leaves news in a channel that holds one: the newest counts.
func push(to chan news, n news) {
	for {
		select {
		case to <- n:
			return
		default:
		}
		select {
		case <-to:
		default:
		}
	}
}

const (
	quietStream = 40 * time.Second // without a line, not even a comment, an event stream is dead
	maxLine     = 1 << 20
)

// Watch follows the events of a session until ctx ends, and comes back at once when the
// stream breaks. moved is called when another node holds the session, with its fence:
// the stream told so, it was opened anew there, or another answer came from there.
func (c *Client) Watch(ctx context.Context, control string, f *Fence, moved func(how Move, fence int64)) {
	w := &watch{c: c, control: control, fence: f, moved: moved}
	for ctx.Err() == nil {
		began := time.Now()
		// The error says why the stream ended: it is opened again in any case.
		_ = w.follow(ctx)
		if ctx.Err() == nil {
			w.holds(Died, f.High())
		}
		if time.Since(began) < retryAfter {
			pauseFor(ctx, retryAfter)
		}
	}
}

// watch is what follows one session.
type watch struct {
	c       *Client
	control string
	fence   *Fence
	moved   func(how Move, fence int64)

	mu   sync.Mutex
	held int64 // the fence of the node that is known to hold it
}

// holds notes which claim is the newest.
func (w *watch) holds(how Move, fence int64) {
	w.mu.Lock()
	tell := w.held != 0 && fence > w.held
	w.held = max(w.held, fence)
	w.mu.Unlock()
	if tell {
		w.moved(how, fence)
	}
}

// newer waits until an answer of a newer claim than is known was seen, or ctx ends.
func (w *watch) newer(ctx context.Context) bool {
	for {
		high, raised := w.fence.wait()
		w.mu.Lock()
		newer := w.held != 0 && high > w.held
		w.mu.Unlock()
		if newer {
			return true
		}
		select {
		case <-raised:
		case <-ctx.Done():
			return false
		}
	}
}

var errQuiet = errors.New("the event stream is silent")

// follow reads one stream of events until it ends, or another node holds the session.
func (w *watch) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var waits sync.WaitGroup
	defer waits.Wait()
	defer cancel(nil)
	waits.Go(func() {
		if w.newer(ctx) {
			cancel(errDied)
		}
	})
	quiet := time.AfterFunc(requestTime, func() { cancel(errQuiet) }) // until the answer comes
	defer quiet.Stop()
	resp, err := w.c.send(ctx, http.MethodGet, w.control+"/events", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("events: HTTP %d", resp.StatusCode)
	}
	fence := fenceOf(resp)
	w.holds(Died, fence)
	if err := w.fence.see(fence); err != nil {
		return err
	}
	name := ""
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		quiet.Reset(quietStream)
		switch key, value, _ := strings.Cut(lines.Text(), ": "); key {
		case "event":
			name = value
		case "data":
			var at struct{ Fence int64 }
			if name == "moved" && json.Unmarshal([]byte(value), &at) == nil {
				w.holds(Drained, at.Fence)
				_ = w.fence.see(at.Fence) // a lower one says nothing new
			}
		}
	}
	return lines.Err()
}
