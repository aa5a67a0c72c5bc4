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

// asks tells whether it asks who is connected under a fence to connect anew; the error
// says why where that connection is lost.
func (n news) asks(connected int64) (anew bool, lost error) {
	switch {
	case n.fence <= connected: // it is there already
		return false, nil
	case n.how == Died:
		return true, errDied
	default:
		return true, nil
	}
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
	maxWait     = 8 * time.Second  // until a stream that is refused is asked for again
	maxLine     = 1 << 20
	patience    = 8 * time.Second // that viewers have to move before the speaker does
)

// Follow follows the events of a session until ctx ends, and has its peers connect anew
// where another node holds it, as the page does: viewers first where the node before
// lets go, all at once where it has died. told, which may be nil, hears of each.
func (c *Client) Follow(ctx context.Context, control string, f *Fence, told func(Move), speaker *Speaker, viewers ...*Viewer) {
	var later sync.WaitGroup
	defer later.Wait()
	c.watch(ctx, control, f, func(how Move, fence int64) {
		if told != nil {
			told(how)
		}
		for _, v := range viewers {
			v.Again(how, fence)
		}
		later.Go(func() {
			if how == Drained && len(viewers) > 0 {
				bound, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				f.reach(bound, fence)
			}
			speaker.Again(how, fence)
		})
	})
}

// watch follows the events of a session until ctx ends, and comes back at once when the
// stream breaks. moved is called when another node holds the session, with its fence:
// the stream told so, it was opened anew there, or a peer was connected there.
func (c *Client) watch(ctx context.Context, control string, f *Fence, moved func(how Move, fence int64)) {
	w := &watch{c: c, control: control, fence: f, moved: moved}
	wait := retryAfter
	for ctx.Err() == nil {
		began := time.Now()
		// The error says why the stream ended: it is opened again in any case.
		_ = w.follow(ctx)
		if time.Since(began) >= retryAfter {
			wait = retryAfter
			continue
		}
		pauseFor(ctx, wait)
		wait = min(2*wait, maxWait)
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

// holds notes which claim is the newest, and tells of one that follows another.
func (w *watch) holds(how Move, fence int64) bool {
	w.mu.Lock()
	tell := w.held != 0 && fence > w.held
	w.held = max(w.held, fence)
	w.mu.Unlock()
	if tell {
		w.moved(how, fence)
	}
	return tell
}

// overtaken waits until a peer is connected under a newer claim than was known, or ctx ends.
func (w *watch) overtaken(ctx context.Context) bool {
	for {
		w.mu.Lock()
		held := w.held
		w.mu.Unlock()
		at, ok := w.fence.reach(ctx, held+1)
		if !ok || w.holds(Died, at) {
			return ok
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
		if w.overtaken(ctx) {
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
