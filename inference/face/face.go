// Package face finds and follows faces in live video on the CPU, with cascades
// of pixel comparisons: one tells faces from everything else, five locate their
// points (cascade/LICENSE names their author). A face is searched for all over a
// small copy of the frame, and followed upright and at one size: its eyes
// first, then nose and mouth from the eyes. What Faces returns is smoothed
// over the frames before and after.
package face

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/media"
)

// Tracker is an inference.FaceTracker. Its streams share nothing that changes.
type Tracker struct{ c *cascades }

// New returns a tracker. Its 10 MB of tables are there once for all streams.
func New() (*Tracker, error) {
	c, err := loadCascades()
	if err != nil {
		return nil, fmt.Errorf("face: %w", err)
	}
	return &Tracker{c}, nil
}

// Open starts following the faces of one speaker's frame.
func (t *Tracker) Open(ctx context.Context) (inference.FaceStream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &stream{c: t.c, search: search{c: t.c.face}}, nil
}

// Close frees nothing that the garbage collector would not.
func (*Tracker) Close() error { return nil }

const (
	maxFaces    = 5
	memory      = 2 * time.Second        // how long a face in a frame is remembered
	searchSpan  = 250 * time.Millisecond // a search takes that long, a bit of it with each frame
	searchPause = time.Second            // from one search to the next while a face is followed
	closest     = 25 * time.Millisecond  // frames that follow sooner than that are interpolated
	beginScore  = 5.0                    // of a face that is new
	keepScore   = 1.0                    // of one that is followed
	patience    = 200 * time.Millisecond // without a face before it counts as lost, and to be confirmed
)

// stream follows the faces of one stream of frames. All but seen belongs to
// whoever calls Track.
type stream struct {
	c        *cascades
	started  bool
	at       time.Duration // of the last frame
	measured time.Duration // of the last frame whose faces were measured
	w, h     int
	scene    scene
	search   search
	busy     bool          // search is under way
	searched time.Duration // when it began
	follower follower
	tracks   []*track

	mu     sync.Mutex
	seen   []*history      // guarded by mu, with all in it
	looked []time.Duration // guarded by mu: frames whose faces were measured
	ids    int
}

// track is a face that is followed.
type track struct {
	next     prediction
	seen     time.Duration // when last
	best     float64       // score when last seen
	neutral  neutral
	rejected [groups]int // in a row
	last     observation
	past     *history
}

// history is what was seen of one face. observations run in time.
type history struct {
	id           int           // 0 until it is confirmed
	since        time.Duration // when it was first seen
	confirmed    time.Duration
	ended        time.Duration // it is not in frames from then on; 0 while it is followed
	observations []observation
}

var errOrder = errors.New("face: this frame is not later than the one before: give them in presentation order")

func (s *stream) Track(ctx context.Context, f *media.Frame) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.Width < 1 || f.Height < 1 || f.YStride < f.Width || len(f.Y) < (f.Height-1)*f.YStride+f.Width {
		return fmt.Errorf("face: a frame of %dx%d pixels has %d bytes of luma in rows of %d", f.Width, f.Height, len(f.Y), f.YStride)
	}
	if s.started && f.PTS <= s.at {
		return errOrder
	}
	step := f.PTS - s.at
	fresh := !s.started || f.Width != s.w || f.Height != s.h
	s.started, s.at, s.w, s.h = true, f.PTS, f.Width, f.Height
	if s.scene.cut(f, fresh) || fresh {
		s.end(f.PTS, func(*track) bool { return true })
		s.tracks, fresh = nil, true
	}
	if fresh || len(s.tracks) == 0 || f.PTS-s.measured >= closest || s.missing() {
		s.measured = f.PTS
		s.follow(f)
	}
	s.look(f, step, fresh)
	s.forget()
	return nil
}

// missing tells whether a face was not seen in the last measured frame.
func (s *stream) missing() bool {
	for _, t := range s.tracks {
		if t.seen < s.measured || t.past.id == 0 {
			return true
		}
	}
	return false
}

// follow looks for each followed face in f.
func (s *stream) follow(f *media.Frame) {
	for _, t := range s.tracks {
		if o, ok := s.follower.follow(s.c, t, f); ok {
			s.keep(t, o)
		}
	}
	s.end(f.PTS, func(t *track) bool {
		late := f.PTS-t.seen > patience
		if t.past.id == 0 {
			late = late || f.PTS-t.past.since > patience
		}
		return late || s.doubled(t)
	})
}

// doubled tells whether t follows a face that a better track follows too.
func (s *stream) doubled(t *track) bool {
	for _, o := range s.tracks {
		if o == t || o.past.ended != 0 {
			continue
		}
		older := o.past.id != 0 && (t.past.id == 0 || o.past.id < t.past.id) || o.past.id == t.past.id && o.best > t.best
		if older && overlap(o.last.box(), t.last.box()) > .25 {
			return true
		}
	}
	return false
}

// end ends the tracks that over names: their faces are not in the frame of time at.
func (s *stream) end(at time.Duration, over func(*track) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.tracks[:0]
	for _, t := range s.tracks {
		if over(t) {
			t.past.ended = at
		} else {
			kept = append(kept, t)
		}
	}
	s.tracks = kept
}

// keep adds an observation to t's history.
func (s *stream) keep(t *track, o observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.past.observations = append(t.past.observations, o)
	if t.past.id == 0 && len(t.past.observations) > 1 && o.score > beginScore {
		s.ids++
		t.past.id, t.past.confirmed = s.ids, o.at
	}
	t.last, t.seen, t.best = o, o.at, o.score
}

// look searches the frame for faces that are not followed yet: at once if it
// is the first of a scene, else over the time of several frames.
func (s *stream) look(f *media.Frame, step time.Duration, fresh bool) {
	if min(f.Width, f.Height) < minFace {
		return
	}
	pause := searchSpan
	if len(s.tracks) > 0 {
		pause = searchPause
	}
	if fresh || !s.busy && f.PTS-s.searched >= pause {
		s.search.start(f)
		s.busy, s.searched = true, f.PTS
	}
	if !s.busy {
		return
	}
	n := math.MaxInt
	if !fresh {
		n = int(min(1, float64(step)/float64(searchSpan))*float64(s.search.windows)) + 1
	}
	if !s.search.more(n) {
		return
	}
	s.busy = false
	found := s.search.faces()
	slices.SortStableFunc(found, func(a, b box) int { return cmp.Compare(b.side, a.side) }) // if they are too many, the nearest
	for _, b := range found {
		if b.score > beginScore && len(s.tracks) < maxFaces {
			s.adopt(f, b)
		}
	}
}

// adopt begins to follow the face in b, if it is there in f and nobody does yet.
func (s *stream) adopt(f *media.Frame, b box) {
	for _, t := range s.tracks {
		if overlap(t.last.box(), b) > .15 {
			return
		}
	}
	t := &track{past: &history{since: f.PTS}}
	o, ok := s.follower.begin(s.c, t, f, b)
	if !ok || o.score <= beginScore {
		return
	}
	for _, other := range s.tracks {
		if overlap(other.last.box(), o.box()) > .15 {
			return
		}
	}
	s.keep(t, o)
	s.tracks = append(s.tracks, t)
	s.mu.Lock()
	s.seen = append(s.seen, t.past)
	s.mu.Unlock()
}

// forget lets go of what nobody will ask for anymore.
func (s *stream) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.measured == s.at {
		s.looked = append(s.looked, s.at)
	}
	old, _ := slices.BinarySearch(s.looked, s.at-memory-inference.FaceWindow)
	s.looked = slices.Delete(s.looked, 0, old)
	kept := s.seen[:0]
	for _, h := range s.seen {
		n := 0
		for n < len(h.observations) && h.observations[n].at < s.at-memory-inference.FaceWindow {
			n++
		}
		h.observations = slices.Delete(h.observations, 0, n)
		if len(h.observations) > 0 {
			kept = append(kept, h)
		}
	}
	clear(s.seen[len(kept):])
	s.seen = kept
}

func (*stream) Close() error { return nil }
