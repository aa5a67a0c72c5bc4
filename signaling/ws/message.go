package ws

import (
	"bytes"
	"encoding/json"

	"livedub/inference"
	"livedub/signaling"
)

// version is the one that this endpoint speaks.
const version = 1

// Types of messages; docs/SIGNALING.md tells who sends which when.
const (
	typePublish   = "publish"
	typeView      = "view"
	typeAnswer    = "answer"
	typeCandidate = "candidate"
	typeError     = "error"
	typeBye       = "bye"
	typePing      = "ping"
	typePong      = "pong"
	typeMoved     = "moved"
	typeEvents    = "events"
	typeFollowing = "following"
	typeEvent     = "event"
)

// incoming is any message of a client's.
type incoming struct {
	V    int    `json:"v"`
	Type string `json:"type"`

	// publish, view and events
	Session string         `json:"session"`
	SDP     string         `json:"sdp"`
	Lang    inference.Lang `json:"lang"` // view

	// publish, to create the session in open mode
	From    inference.Lang   `json:"from"`
	To      []inference.Lang `json:"to"`
	Profile string           `json:"profile"`
	DelayMS *int             `json:"delay_ms"`
	Consent *bool            `json:"consent"` // nil: given, for only the operator may create one by naming it
	Badge   *bool            `json:"badge"`

	// events
	Detail string  `json:"detail"` // "visemes" or ""
	After  *uint64 `json:"after"`  // number of the last event that the client has had; nil: from now on

	Candidate *string `json:"candidate"` // candidate: "" ends them
	Reason    string  `json:"reason"`    // bye
}

// outgoing is any message of ours.
type outgoing struct {
	V          int                   `json:"v"`
	Type       string                `json:"type"`
	Session    string                `json:"session,omitempty"`
	Lang       inference.Lang        `json:"lang,omitempty"`
	SDP        string                `json:"sdp,omitempty"`
	ICEServers []signaling.ICEServer `json:"ice_servers,omitempty"`
	Code       string                `json:"code,omitempty"`
	Error      string                `json:"error,omitempty"`
	Hint       string                `json:"hint,omitempty"`
	Reason     string                `json:"reason,omitempty"`
	Fence      int64                 `json:"fence,omitempty"`
	Event      string                `json:"event,omitempty"` // its name
	ID         uint64                `json:"id,omitempty"`    // its number
	Data       any                   `json:"data,omitempty"`  // its body, as server-sent events have it
}

// parse reads one text message and checks what needs no session.
func parse(data []byte) (incoming, error) {
	var m incoming
	if err := signaling.Decode(data, &m); err != nil {
		return m, err
	}
	switch {
	case m.V != version:
		return m, signaling.ErrBadRequest.Errorf(`version %d: this server speaks "v":%d`, m.V, version)
	case m.Type == typePing, m.Type == typeBye:
	case m.Type == typeCandidate:
		if m.Candidate == nil {
			return m, signaling.ErrBadRequest.Errorf(`a candidate message needs "candidate", "" for the end`)
		}
	case m.Type == typeEvents:
		if m.Session == "" {
			return m, signaling.ErrBadRequest.Errorf(`an events message needs "session"`)
		}
		if m.Detail != "" && m.Detail != signaling.DetailVisemes {
			return m, signaling.ErrBadRequest.Errorf("unknown detail %.40q: there is %q", m.Detail, signaling.DetailVisemes)
		}
	case m.Type == typePublish, m.Type == typeView:
		if m.Session == "" {
			return m, signaling.ErrBadRequest.Errorf(`a %s message needs "session"`, m.Type)
		}
		if m.Type == typeView && m.Lang == "" {
			return m, signaling.ErrBadRequest.Errorf(`a view message needs "lang"`)
		}
		return m, signaling.CheckOffer(m.SDP)
	default:
		return m, signaling.ErrBadRequest.Errorf("unknown type %.40q: send publish, view, events, candidate, ping or bye", m.Type)
	}
	return m, nil
}

// encode writes a message with <, > and & as they are.
func encode(m outgoing) ([]byte, error) {
	m.V = version
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(m)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func errorMessage(err error) outgoing {
	e := signaling.Explain(err)
	return outgoing{Type: typeError, Code: e.Kind.Code, Error: e.Message, Hint: e.Hint}
}
