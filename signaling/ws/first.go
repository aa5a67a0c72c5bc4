package ws

import (
	"encoding/json"

	"livedub/inference"
	"livedub/signaling"
)

// MaxMessage is the size of the largest message that the endpoint reads, in bytes.
const MaxMessage = maxMessage

// First is what a client's first message says about the session that it is for. A
// gateway reads it, to find the node, and passes the message on as it came.
type First struct {
	Session string
	Create  bool // it may be to create the session, with what follows
	From    inference.Lang
	To      []inference.Lang
	Consent bool
}

// ReadFirst reads a message of a client whose session is not known yet. What needs no
// session has its answer at once; bye is a client that leaves.
func ReadFirst(data []byte) (f First, answer []byte, bye bool) {
	m, err := parse(data)
	switch {
	case err != nil:
		return f, Refusal(err), false
	case m.Type == typeBye:
		return f, nil, true
	case m.Type == typePing:
		return f, text(outgoing{Type: typePong}), false
	case m.Type == typeCandidate:
		return f, Refusal(errNoPeer), false
	}
	return First{
		Session: m.Session, Create: m.Type == typePublish && m.From != "" && len(m.To) > 0,
		From: m.From, To: m.To, Consent: m.Consent == nil || *m.Consent,
	}, nil, false
}

// Refusal is the message that tells a client of an error.
func Refusal(err error) []byte { return text(errorMessage(err)) }

// Refused returns the code of an error message; "" for another message.
func Refused(data []byte) string {
	var m outgoing
	if err := json.Unmarshal(data, &m); err != nil || m.Type != typeError {
		return ""
	}
	return m.Code
}

func text(m outgoing) []byte {
	data, err := encode(m)
	if err != nil {
		panic(err) // texts and numbers
	}
	return data
}

var errNoPeer = signaling.ErrBadRequest.Errorf("a candidate without a peer: send publish or view first")
