package doors

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	quietStream = 40 * time.Second // without a line, not even a comment, an event stream is dead
	maxLine     = 1 << 20
)

// Event is one event of a session; the field that its Kind names is set.
type Event struct {
	Kind    string // caption, ladder, spoken, drain, moved, lost, end
	Caption Caption
	Spoken  Spoken
	Ladder  Ladder
	Reason  string // of end
}

// Caption is what was said, or its translation. Times are seconds of the source.
type Caption struct {
	Lang    string  `json:"lang"`
	ID      int     `json:"id"`
	Text    string  `json:"text"`
	Final   bool    `json:"final"`
	Skipped bool    `json:"skipped"`
	Start   float64 `json:"start"`
	End     float64 `json:"end"`
}

// Spoken is a phrase of a dub that was given its place. Times are seconds of output time.
type Spoken struct {
	Lang  string  `json:"lang"`
	ID    int     `json:"id"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Ladder is what a language is reduced to: lips, voice, captions or passthrough.
type Ladder struct {
	Lang  string `json:"lang"`
	Level string `json:"level"`
	Why   string `json:"why"`
}

// ErrEnded says that a session has ended.
var ErrEnded = errors.New("livedub ended the session")

// Stream follows a session's events; the zero value begins with now.
type Stream struct{ after string }

// Follow calls told for each event until ctx ends, the stream breaks or the session has
// ended, which is ErrEnded. The next call goes on behind the last event.
func (s *Stream) Follow(ctx context.Context, c *Client, address string, told func(Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := c.send(ctx, http.MethodGet, address+"?detail=visemes", "", nil, s.after)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // it is only told
		return refusal(resp, body)
	}
	quiet := time.AfterFunc(quietStream, cancel)
	defer quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	var kind, id string
	var data strings.Builder
	for lines.Scan() {
		quiet.Reset(quietStream)
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			data.WriteString(value)
		case "":
			if lines.Text() != "" {
				continue // a comment
			}
			e, ok := parse(kind, data.String())
			if id != "" {
				s.after = id
			}
			kind, id = "", ""
			data.Reset()
			if ok {
				told(e)
			}
			if ok && e.Kind == "end" {
				return ErrEnded
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// parse reads one event; false for one of another kind, or that is not understood.
func parse(kind, data string) (Event, bool) {
	e := Event{Kind: kind}
	var into any
	switch kind {
	case "caption":
		into = &e.Caption
	case "spoken":
		into = &e.Spoken
	case "ladder":
		into = &e.Ladder
	case "end":
		into = &struct {
			Reason *string `json:"reason"`
		}{&e.Reason}
	case "drain", "moved", "lost":
		return e, true
	default:
		return e, false
	}
	return e, json.Unmarshal([]byte(data), into) == nil
}
