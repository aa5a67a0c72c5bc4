package realtime

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"livedub/internal/remote"
)

const (
	waiting   = 64               // messages that wait to be sent: 6 s of sound in parts of 100 ms
	part      = Rate / 10        // samples of one message
	answer    = 10 * time.Second // for a unit's text, where the caller's ctx allows more
	remembers = 16               // items of units before
)

// Session is one speaker's. One goroutine uses it; Close may be called by any.
type Session struct {
	ws   *websocket.Conn
	host string
	out  chan []byte
	gone chan struct{} // closed when it is of no use any more
	once sync.Once

	mu    sync.Mutex
	cause error // why; set before gone is closed
	unit  unit
	past  []string      // items of units before, whose events may come late
	done  chan struct{} // gets one when the unit has its end
}

// unit is one unit of speech. Its item is what a server calls it.
type unit struct {
	committed bool   // we said that it is over
	item      string // as the server confirmed it; "" until then
	of        string // item that text is of
	text      string
	final     *Heard
	err       error
}

func newSession(ws *websocket.Conn, host string) *Session {
	return &Session{ws: ws, host: host, out: make(chan []byte, waiting), gone: make(chan struct{}), done: make(chan struct{}, 1)}
}

// write sends what waits, until the session is of no use.
func (s *Session) write() {
	for {
		select {
		case <-s.gone:
			return
		case b := <-s.out:
			_ = s.ws.SetWriteDeadline(time.Now().Add(writeTime))
			if err := s.ws.WriteMessage(websocket.TextMessage, b); err != nil {
				s.doom(ended(err))
				return
			}
		}
	}
}

// listen takes events until the session is of no use.
func (s *Session) listen() {
	for {
		_, b, err := s.ws.ReadMessage()
		if err != nil {
			s.doom(ended(err))
			return
		}
		e, err := parse(b)
		if err == nil {
			err = s.take(e)
		}
		if err != nil {
			s.doom(err)
			return
		}
	}
}

// doom ends the session; the first cause counts.
func (s *Session) doom(cause error) {
	s.once.Do(func() {
		s.mu.Lock()
		s.cause = cause
		if !errors.Is(cause, errClosed) {
			s.cause = fmt.Errorf("%s: %w", s.host, cause)
		}
		s.mu.Unlock()
		close(s.gone)
		_ = s.ws.Close()
	})
}

// Close ends the session. It waits for nothing; the client's Close does.
func (s *Session) Close() { s.doom(errClosed) }

// Err returns why the session is of no use any more; nil while it is.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

const transcription = "conversation.item.input_audio_transcription."

var errCuts = errors.New("the server cuts speech to units itself: turn its detection of turns off")

// take puts an event in its place. What is of no unit, or of no meaning here, is passed over.
func (s *Session) take(e event) error {
	switch e.Type {
	case "error":
		return e.failure()
	case "input_audio_buffer.committed", transcription + "delta", transcription + "completed", transcription + "failed":
	default:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &s.unit
	for _, id := range s.past {
		if id == e.ItemID {
			return nil
		}
	}
	if u.final != nil || u.err != nil || u.item != "" && e.ItemID != u.item {
		return nil
	}
	if e.Type == transcription+"delta" {
		return u.more(e)
	}
	if !u.committed {
		return errCuts
	}
	switch e.Type {
	case "input_audio_buffer.committed":
		u.item = e.ItemID
	case transcription + "completed":
		h := e.heard()
		u.item, u.final = e.ItemID, &h
		s.signal()
	case transcription + "failed":
		u.err = e.failure()
		s.signal()
	}
	return nil
}

// more adds to the text so far. Before a server says what the unit's item is, that of the last text is.
func (u *unit) more(e event) error {
	if e.ItemID != u.of {
		u.of = e.ItemID
		u.text = ""
	}
	u.text += e.Delta
	if len(u.text) > maxText {
		return fmt.Errorf("%w: more than %d bytes of text for one unit", remote.ErrAnswer, maxText)
	}
	return nil
}

func (s *Session) signal() {
	select {
	case s.done <- struct{}{}:
	default:
	}
}

// Append sends the unit's next sound. It waits only where the server takes
// sound more slowly than it comes.
func (s *Session) Append(ctx context.Context, pcm []int16) error {
	for len(pcm) > 0 {
		n := min(len(pcm), part)
		b := make([]byte, 0, 2*n)
		for _, v := range pcm[:n] {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		pcm = pcm[n:]
		if err := s.send(ctx, object{"type": "input_audio_buffer.append", "audio": base64.StdEncoding.EncodeToString(b)}); err != nil {
			return err
		}
	}
	return s.Err()
}

func (s *Session) send(ctx context.Context, o object) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	select {
	case s.out <- b:
		return nil
	case <-s.gone:
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Text returns what came of the unit so far. Many servers tell nothing before its end.
func (s *Session) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unit.item != "" && s.unit.of != s.unit.item {
		return ""
	}
	return strings.TrimSpace(s.unit.text)
}

// Clear takes the unit's sound back; another one begins.
func (s *Session) Clear(ctx context.Context) error {
	s.next()
	return s.send(ctx, object{"type": "input_audio_buffer.clear"})
}

// Commit ends the unit and returns its text; another one begins. It waits until
// the text has come, ctx ends, the session does, or 10 s have passed.
func (s *Session) Commit(ctx context.Context) (Heard, error) {
	s.mu.Lock()
	s.unit.committed = true
	s.mu.Unlock()
	if err := s.send(ctx, object{"type": "input_audio_buffer.commit"}); err != nil {
		return Heard{}, err
	}
	late := time.NewTimer(answer)
	defer late.Stop()
	select {
	case <-s.done:
	case <-s.gone:
		return Heard{}, s.Err()
	case <-ctx.Done():
		return Heard{}, ctx.Err()
	case <-late.C:
		return Heard{}, fmt.Errorf("%s: no text within %v of a unit's end", s.host, answer)
	}
	u := s.next()
	if u.err != nil {
		return Heard{}, fmt.Errorf("%s: %w", s.host, u.err)
	}
	return *u.final, nil
}

// next begins another unit and returns the one before.
func (s *Session) next() unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.unit
	for _, id := range []string{u.item, u.of} {
		if id != "" {
			s.past = append(s.past, id)
		}
	}
	s.past = s.past[max(0, len(s.past)-remembers):]
	s.unit = unit{}
	return u
}
