package hlspull

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

const (
	distance = 3 // segments from a live playlist's end, where it is begun
	farthest = 8 // segments behind a live playlist's end, from where it is begun anew
	patience = 4 // polls in a target duration
)

// Bounds of how long is waited between polls of a live playlist.
const (
	leastPoll = 200 * time.Millisecond
	mostPoll  = time.Second
)

var (
	errOver      = errors.New("the playlist has ended")
	errAnew      = errors.New("what follows in the playlist is read anew")
	errEncrypted = errors.New("the playlist's segments are encrypted, which is not read here")
)

// window is what has been read of one media playlist. It gives the client one segment
// after another, and so decides alone what is read next: the client itself ends where
// the next segment is not listed yet, and cannot go on where it was.
type window struct {
	begun   bool
	next    int    // number of the segment to read next
	end     int    // number behind the last that was listed
	header  string // address of the initialization segment of those read
	target  time.Duration
	reading int  // the run of the client that was given a segment last
	over    bool // it has ended, and all of it was read
}

// step returns a playlist of the one segment that comes next, for a run of the client;
// nil where that is not listed yet. errAnew: a new run is to read it, as something lies
// between that and the segment before; errOver: nothing comes anymore.
func (w *window) step(list *playlist.Media, run int) (*playlist.Media, error) {
	end := list.MediaSequence + len(list.Segments)
	live := !list.Endlist && (list.PlaylistType == nil || *list.PlaylistType == playlist.MediaPlaylistTypeEvent)
	w.target = time.Duration(list.TargetDuration) * time.Second
	header := ""
	if list.Map != nil {
		header = list.Map.URI
	}
	broken := w.reading != 0 && header != w.header
	switch {
	case !w.begun:
		w.begun, w.next = true, list.MediaSequence
		if live {
			w.next = max(list.MediaSequence, end-distance)
		}
	case end < w.end, live && end-w.next > farthest: // it has begun anew, or is too far ahead
		w.next, broken = max(list.MediaSequence, end-distance), true
	}
	w.end = end
	for w.next < list.MediaSequence || w.next < end && list.Segments[w.next-list.MediaSequence].Gap {
		w.next, broken = max(w.next+1, list.MediaSequence), true
	}
	if w.next >= end {
		if list.Endlist {
			w.over = true
			return nil, errOver
		}
		return nil, nil
	}
	seg := *list.Segments[w.next-list.MediaSequence]
	if seg.Key != nil && seg.Key.Method != playlist.MediaKeyMethodNone {
		return nil, errEncrypted
	}
	if (broken || seg.Discontinuity) && w.reading == run {
		w.reading = 0
		return nil, errAnew
	}
	out := &playlist.Media{Version: list.Version, TargetDuration: max(list.TargetDuration, 1), MediaSequence: w.next, Map: list.Map}
	seg.Discontinuity, seg.DateTime, seg.Key, seg.Parts = false, nil, nil, nil
	out.Segments = []*playlist.MediaSegment{&seg}
	w.header, w.reading = header, run
	w.next++
	return out, nil
}

// poll returns how long to wait until the playlist is asked for again.
func (w *window) poll() time.Duration { return min(max(w.target/patience, leastPoll), mostPoll) }

// media reads a playlist of segments; nil for one of playlists, or what is none.
func mediaOf(body []byte) (*playlist.Media, error) {
	list, err := playlist.Unmarshal(body)
	if err != nil {
		return nil, fmt.Errorf("the playlist cannot be read: %w", err)
	}
	m, _ := list.(*playlist.Media)
	return m, nil
}
