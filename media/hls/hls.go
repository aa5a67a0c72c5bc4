// Package hls holds the live edge of a program as low-latency HLS (RFC 8216bis): the last
// segments and parts of its picture, sound and captions in memory, the playlists that list
// them, and whoever waits for the next.
//
// Segments lie on the grid of output time: segment n, which is its media sequence number
// too, begins n times SegmentLength after output time 0. So the languages of a session
// have the same numbers at the same time, a player that changes over finds its place, and
// what is missing is a gap in the list, never another timeline: there is no discontinuity.
package hls

import (
	"errors"
	"time"
)

const (
	// SegmentLength is the length of every segment, and the target duration.
	SegmentLength = 2 * time.Second
	// PartLength is the length of every part.
	PartLength = 400 * time.Millisecond

	perSegment = int(SegmentLength / PartLength)
	listed     = 7 // segments in a playlist
	kept       = 2 // segments more, for those who have read an older playlist
	withParts  = 3 // of the listed segments have their parts listed
	ahead      = 2 // segments beyond the newest that may be asked for
)

var (
	// ErrNotFound is returned for a file that is not there, or not anymore.
	ErrNotFound = errors.New("hls: no such file")
	// ErrAhead is returned for a part that is too far in the future to wait for.
	ErrAhead = errors.New("hls: the place asked for is too far ahead")
)

// Types of the files.
const (
	PlaylistType = "application/vnd.apple.mpegurl"
	CaptionsType = "text/vtt; charset=utf-8"
	videoType    = "video/mp4"
	audioType    = "audio/mp4"
)

// File is what a player gets.
type File struct {
	Type string
	Data [][]byte // one behind the other; not to be changed
	Keep bool     // it never changes: it may be kept
}

// Size returns the bytes of the file.
func (f File) Size() (n int) {
	for _, d := range f.Data {
		n += len(d)
	}
	return n
}

// Place is a place in a playlist that a player asks to wait for.
type Place struct {
	Segment int64
	Part    int // -1: all of the segment
}
