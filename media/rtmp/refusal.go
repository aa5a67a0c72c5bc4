package rtmp

import (
	"errors"
	"strings"
	"syscall"
	"unicode"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// RefusedError is why a server does not take a stream.
type RefusedError struct {
	Code string // as "NetStream.Publish.BadName"
	Text string // in the server's words
}

// Refused tells that the far end does not want the stream as it is.
func (e *RefusedError) Refused() {}

func (e *RefusedError) Error() string {
	if e.Text == "" {
		return "the stream is refused: " + e.Code
	}
	return "the stream is refused: " + e.Code + ": " + e.Text
}

// errHungUp is told where a server says nothing.
var errHungUp = errors.New("the far end hung up without a word before it took the stream: is the key right?")

// left tells whether an error is of a far end that has hung up.
func left(err error) bool {
	return gone(err) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// refusal returns the refusal that a command tells, nil for none.
func refusal(cmd reply) error {
	var said amf0.Object
	for _, a := range cmd.args {
		switch a := a.(type) {
		case amf0.Object:
			said = a
		case amf0.ECMAArray:
			said = amf0.Object(a)
		}
	}
	level, _ := said.GetString("level")
	code, _ := said.GetString("code")
	text, _ := said.GetString("description")
	if level != "error" && cmd.name != "_error" {
		return nil
	}
	if code = plain(code, 64); code == "" {
		code = "no reason is told"
	}
	return &RefusedError{Code: code, Text: plain(text, 200)}
}

// plain makes one short line of what a server says.
func plain(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.TrimSpace(s)
}
