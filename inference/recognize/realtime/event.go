package realtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"syscall"

	"github.com/gorilla/websocket"

	"livedub/internal/remote"
)

const (
	maxText   = 4 << 10 // bytes of one unit
	maxTokens = 2000    // with probabilities, of one event
	fromLog   = -10.    // logarithm of a probability, where a server gives less
)

// Token is a piece of a text with the logarithm of its probability, -10 to 0.
type Token struct {
	Text    string
	LogProb float64
}

// Heard is what was recognized of a unit. Tokens are empty where a server tells no probabilities.
type Heard struct {
	Text   string
	Tokens []Token
}

// ServerError is a server's complaint.
type ServerError struct{ Text string }

func (e *ServerError) Error() string { return "the server says: " + e.Text }

// event is what a server sends.
type event struct {
	Type       string
	ItemID     string `json:"item_id"`
	Delta      string
	Transcript string
	LogProbs   []struct {
		Token   string
		LogProb *float64
	} `json:"logprobs"`
	Session json.RawMessage
	Error   *struct{ Type, Code, Message string }
}

// parse reads an event and holds it to what can be true of one.
func parse(b []byte) (event, error) {
	var e event
	if err := json.Unmarshal(b, &e); err != nil {
		return event{}, fmt.Errorf("%w: %w", remote.ErrAnswer, err)
	}
	if e.Type == "" {
		return event{}, fmt.Errorf("%w: an event without a type", remote.ErrAnswer)
	}
	if len(e.Delta) > maxText || len(e.Transcript) > maxText || len(e.LogProbs) > maxTokens {
		return event{}, fmt.Errorf("%w: %s with %d bytes of text", remote.ErrAnswer, remote.Shorten(e.Type), len(e.Delta)+len(e.Transcript))
	}
	return e, nil
}

// heard returns the text of a transcription's end.
func (e event) heard() Heard {
	h := Heard{Text: strings.TrimSpace(e.Transcript)}
	for _, p := range e.LogProbs {
		if p.LogProb == nil {
			return Heard{Text: h.Text}
		}
		h.Tokens = append(h.Tokens, Token{p.Token, min(max(*p.LogProb, fromLog), 0)})
	}
	return h
}

// failure returns what a server complains of.
func (e event) failure() error {
	if e.Error == nil {
		return &ServerError{e.Type}
	}
	text := e.Error.Message
	for _, t := range []string{e.Error.Code, e.Error.Type, e.Type} {
		if text == "" {
			text = t
		}
	}
	return &ServerError{remote.Shorten(text)}
}

var errLate = errors.New("the server does not answer in time")

// ended says why a websocket is of no use any more.
func ended(err error) error {
	var closed *websocket.CloseError
	var late net.Error
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return fmt.Errorf("%w: an event is larger than %d KB", remote.ErrAnswer, maxEvent>>10)
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return fmt.Errorf("the server ended the session (%d %s)", closed.Code, remote.Shorten(closed.Text))
	case errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return errors.New("the server hung up")
	case errors.As(err, &late) && late.Timeout():
		return errLate
	}
	return err
}

// Confidences returns the mean logarithm of the tokens' probabilities, 0 without
// any, and a confidence for each of the words that make up the text: the mean
// probability of its tokens. It is 0 where tokens and words do not fit together.
func (h Heard) Confidences(words []string) (mean float64, of []float64) {
	of = make([]float64, len(words))
	if len(h.Tokens) == 0 {
		return 0, of
	}
	var letters []float64 // a probability for each letter of the tokens
	var said strings.Builder
	for _, t := range h.Tokens {
		mean += t.LogProb / float64(len(h.Tokens))
		for _, r := range strings.Join(strings.Fields(t.Text), "") {
			said.WriteRune(r)
			letters = append(letters, math.Exp(t.LogProb))
		}
	}
	if said.String() != strings.Join(words, "") {
		return mean, of
	}
	for i, w := range words {
		n := len([]rune(w))
		for _, p := range letters[:n] {
			of[i] += p / float64(n)
		}
		letters = letters[n:]
	}
	return mean, of
}
