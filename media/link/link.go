// Package link carries a speaker's compressed packets from one node of a cluster to
// another, so that a session goes on there before anybody has left.
//
// A link is a TLS 1.3 connection whose two ends have proved that they know the
// cluster's secret. Its sender says which session it is about and what the other
// node needs to open it, has the receiver read its session clock, and then sends
// packets with their session times (docs/decisions/0049-drain.md).
package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"livedub/media"
)

// Version is the one that this package speaks.
const Version = 1

// MaxCheckpoint is how many bytes of a session's checkpoint a Hello may hold: more than
// the registry keeps, so that an evening's talk has its history.
const MaxCheckpoint = 1 << 20

// Times of a link.
const (
	handshake = 5 * time.Second  // for both ends to know each other, and for the clock
	opening   = 10 * time.Second // for the receiver's node to open the session
	beatEvery = time.Second      // each end shows that it is there
	silence   = 5 * time.Second  // an end that shows nothing for so long, or takes so long for a message, is gone
	farewell  = time.Second      // for the last message
)

// Bounds of what waits to be sent, or to be read: the time a session is late and some seconds.
const (
	queuePackets = 8192
	queueBytes   = 32 << 20
)

var (
	// ErrSecret is of a far end that has not proved to know the cluster's secret.
	ErrSecret = errors.New("link: the other end does not know the cluster's secret: have all nodes use the same cluster.secret, and nothing between them that opens TLS")
	// ErrVersion is of a far end that speaks another version.
	ErrVersion = errors.New("link: the other node speaks another version of the link")
	// ErrProtocol is of a far end that says what no node says.
	ErrProtocol = errors.New("link: broken message")
	// ErrRefused is of a node that does not take the session.
	ErrRefused = errors.New("link: the other node does not take the session")
	// ErrEnded is of a session that has ended at the other node.
	ErrEnded = errors.New("link: the session has ended at the other node")
	// ErrReplaced is of a speaker who has come to the other node: the link is not needed any more.
	ErrReplaced = errors.New("link: the speaker is at the other node")
)

// Hello says what a link is about.
type Hello struct {
	Session    string        `json:"session"`
	Epoch      string        `json:"epoch"`
	Fence      int64         `json:"fence"` // of the claim that the receiver's node has
	Tracks     []media.Track `json:"tracks,omitempty"`
	Checkpoint []byte        `json:"checkpoint"` // the package does not look into it
}

const maxName = 64 // bytes of a session's name and of its epoch

// Check refuses what no session is.
func (h Hello) Check() error {
	switch {
	case h.Session == "" || len(h.Session) > maxName || len(h.Epoch) > maxName || h.Fence <= 0:
		return fmt.Errorf("%w: a session of %d bytes, an epoch of %d bytes, fence %d", ErrProtocol, len(h.Session), len(h.Epoch), h.Fence)
	case len(h.Checkpoint) > MaxCheckpoint:
		return fmt.Errorf("%w: a checkpoint of %d bytes: %d at most", ErrProtocol, len(h.Checkpoint), MaxCheckpoint)
	}
	for i, t := range h.Tracks {
		if err := checkTrack(t); err != nil {
			return err
		}
		if i > 0 && media.FindTrack(h.Tracks[:i], t.Kind) != nil {
			return fmt.Errorf("%w: two tracks of %s", ErrProtocol, t.Kind)
		}
	}
	return nil
}

const (
	maxExtradata = 16 << 10
	maxWord      = 32 // bytes of a codec's or format's name
)

func checkTrack(t media.Track) error {
	if t.Kind != media.Audio && t.Kind != media.Video || len(t.Codec) > maxWord || len(t.Format) > maxWord || len(t.Extradata) > maxExtradata {
		return fmt.Errorf("%w: a track of kind %d, codec %.40q, with %d bytes of extradata", ErrProtocol, t.Kind, t.Codec, len(t.Extradata))
	}
	return nil
}

func parseHello(data []byte) (h Hello, err error) {
	if err := json.Unmarshal(data, &h); err != nil {
		return h, fmt.Errorf("%w: the hello: %w", ErrProtocol, err)
	}
	return h, h.Check()
}

func parseTrack(data []byte) (t media.Track, err error) {
	if err := json.Unmarshal(data, &t); err != nil {
		return t, fmt.Errorf("%w: a track: %w", ErrProtocol, err)
	}
	return t, checkTrack(t)
}
