package media

import (
	"context"
	"errors"
)

// Source is where a session's media comes from: a file, a WebRTC publisher, a
// broadcast ingest. It knows nothing of engines.
type Source interface {
	// Tracks returns the streams that Read's packets belong to, at most one of
	// each Kind. In a live source a stream may begin late: it is told before Read
	// returns its first packet.
	Tracks() []Track
	// Read returns the next access unit in order of arrival, with its times on
	// the session clock, and io.EOF at the end. One caller at a time.
	Read(ctx context.Context) (Packet, error)
	// Close frees everything; it may be called while Read waits, which then fails.
	Close() error
}

// Sink is where one rendition goes: a file, a WebRTC viewer, a playlist. It
// takes compressed packets on the session's output timeline. In a live session
// one that does not keep up loses frames up to the next keyframe, and one whose
// Write takes longer than 5 s is detached: Close is then called while Write runs.
type Sink interface {
	// Codecs tells what the sink takes; "" where it wants no such track.
	Codecs() (video, audio Codec)
	// Start announces the tracks, once, before the first Write: codec, size or
	// rate, and extradata are known.
	Start(tracks []Track) error
	// Write takes one access unit. Calls are never concurrent.
	Write(p Packet) error
	// Close ends the stream cleanly: whatever was written stays playable.
	Close() error
}

// TrackAdder is what a Sink implements that can begin with any of its tracks:
// Start announces the first, AddTrack those that come later, each before its
// first packet. Any other sink is started when all of its tracks are known, or
// without those that do not come for a while.
type TrackAdder interface {
	AddTrack(t Track) error
}

// Control is what a sink may ask of whoever feeds it. Its methods never block.
type Control interface {
	// Keyframe asks for one: with the next frame, or some time after the last one.
	Keyframe()
	// SetMaxBitrate tells how many bits a second the sink can take of frames.
	SetMaxBitrate(bps int)
}

// Controller is what a Sink implements that asks: it is given its Control
// before anything else, once.
type Controller interface {
	Control(c Control)
}

// ErrGone is what a Sink's Write returns once its far end has left: nothing has failed.
var ErrGone = errors.New("the far end is gone")
