package hls

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"livedub/media/cmaf"
)

// Rendition is one track of a program: its last segments and its playlist. It is safe for
// concurrent use.
type Rendition struct {
	name  string // of its files
	ext   string // of its segments
	kind  string // their media type
	parts int    // of a segment; 1: parts are not listed
	zero  time.Time
	peers []*Rendition  // that its playlist reports on
	whole func(n int64) // told of each segment that is complete; nil for nobody
	now   atomic.Pointer[view]

	mu       sync.Mutex
	init     *initial // of the parts that come; nil before
	segments []*segment
	ended    bool
	since    time.Time // when there was a playlist first; zero before
	rate     float64   // of frames, 1/s; 0 for unknown
	peak     int       // bytes of the largest segment
	bytes    int       // of all segments that there were
	count    int       // of those
}

// view is a rendition at one moment.
type view struct {
	playlist []byte // nil before the first segment is complete
	next     Place  // that comes next
	ended    bool
	change   chan struct{} // closed when there is another view
}

type initial struct {
	name string
	data []byte
	cmaf.Init
}

type segment struct {
	n     int64
	init  *initial
	parts []part
	done  bool // nothing more comes
}

// part is a part of a segment; without data where it is missing.
type part struct {
	data []byte
	key  bool
}

func newRendition(name, ext, kind string, parts int, zero time.Time) *Rendition {
	r := &Rendition{name: name, ext: ext, kind: kind, parts: parts, zero: zero}
	r.now.Store(&view{change: make(chan struct{})})
	return r
}

// missing tells whether nothing of the segment is there.
func (s *segment) missing() bool {
	for _, p := range s.parts {
		if p.data != nil {
			return false
		}
	}
	return true
}

func (s *segment) size() (n int) {
	for _, p := range s.parts {
		n += len(p.data)
	}
	return n
}

// start takes the initialization section of the parts that follow.
func (r *Rendition) start(i cmaf.Init) error {
	h := fnv.New32a()
	_, _ = h.Write(i.Data) // a hash takes all
	r.mu.Lock()
	defer r.mu.Unlock()
	r.init = &initial{fmt.Sprintf("%s-%08x.mp4", r.name, h.Sum32()), i.Data, i}
	return nil
}

// add takes a part. One that is too late, as its place was told to be missing, is left out.
func (r *Rendition) add(p cmaf.Part) error {
	r.mu.Lock()
	if r.ended || len(r.segments) == 0 && p.I > 0 {
		r.mu.Unlock()
		return nil
	}
	var done []int64
	if len(r.segments) == 0 {
		r.segments = []*segment{{n: p.N}}
	}
	done = r.pass(Place{p.N, p.I})
	if at := r.next(); at == (Place{p.N, p.I}) {
		s := r.segments[len(r.segments)-1]
		s.init = r.init
		s.parts = append(s.parts, part{p.Data, p.Key})
		done = append(done, r.pass(r.next())...)
	}
	r.publish()
	r.mu.Unlock()
	r.tell(done)
	return nil
}

// Advance tells that what is presented before output time t has come, or will not.
func (r *Rendition) Advance(t time.Duration) {
	r.mu.Lock()
	to := Place{int64(t / SegmentLength), int(t % SegmentLength * time.Duration(r.parts) / SegmentLength)}
	if at := r.next(); r.ended || len(r.segments) == 0 || !at.before(to) {
		r.mu.Unlock()
		return
	}
	done := r.pass(to)
	r.publish()
	r.mu.Unlock()
	r.tell(done)
}

func (r *Rendition) tell(done []int64) {
	for _, n := range done {
		if r.whole != nil {
			r.whole(n)
		}
	}
}

// before tells whether p comes before q.
func (p Place) before(q Place) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Part < q.Part
}

// next returns the place that comes next; the caller has the lock.
func (r *Rendition) next() Place {
	if len(r.segments) == 0 {
		return Place{}
	}
	s := r.segments[len(r.segments)-1]
	return Place{s.n, len(s.parts)}
}

// pass makes to the place that comes next: what lies before is missing. It returns the
// segments that are complete by that. The caller has the lock.
func (r *Rendition) pass(to Place) (done []int64) {
	if far := to.Segment - int64(listed+kept+1); r.next().Segment < far { // none of what there was is listed
		r.segments = []*segment{{n: far}}
	}
	for {
		s := r.segments[len(r.segments)-1]
		for len(s.parts) < r.parts && (Place{s.n, len(s.parts)}).before(to) {
			s.parts = append(s.parts, part{})
		}
		if len(s.parts) < r.parts {
			break
		}
		s.done = true
		r.peak = max(r.peak, s.size())
		if !s.missing() {
			r.bytes, r.count = r.bytes+s.size(), r.count+1
		}
		done = append(done, s.n)
		r.segments = append(r.segments, &segment{n: s.n + 1})
	}
	if over := len(r.segments) - 1 - listed - kept; over > 0 {
		r.segments = append([]*segment(nil), r.segments[over:]...)
	}
	return done
}

// end ends the rendition: its playlist gets no more.
func (r *Rendition) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.ended = true
	if n := len(r.segments); n > 0 {
		last := r.segments[n-1]
		if last.done = true; last.missing() {
			r.segments = r.segments[:n-1]
		}
	}
	r.publish()
}

// publish makes the playlist anew and wakes those who wait; the caller has the lock.
func (r *Rendition) publish() {
	v := &view{next: r.next(), ended: r.ended, change: make(chan struct{})}
	if len(r.segments) > 0 && r.segments[0].done {
		v.playlist = r.playlist()
		if r.since.IsZero() {
			r.since = time.Now()
		}
	}
	close(r.now.Swap(v).change)
}

// has tells whether the playlist of v has a place.
func (v *view) has(p Place) bool {
	if p.Part < 0 {
		return p.Segment < v.next.Segment
	}
	return p.before(v.next)
}

// Playlist returns the playlist as soon as it has the place, and its first segment. It
// fails with ErrAhead, and with ctx's error.
func (r *Rendition) Playlist(ctx context.Context, p *Place) (File, error) {
	if p != nil && p.Part == r.parts { // a player that knows of no further part asks for it (6.2.5.2)
		p = &Place{p.Segment + 1, 0}
	}
	for {
		v := r.now.Load()
		ready := v.playlist != nil
		if p != nil && ready && !v.ended {
			if p.Segment > v.next.Segment+ahead-1 || p.Part > perSegment {
				return File{}, ErrAhead
			}
			ready = v.has(*p)
		}
		switch {
		case ready:
			return File{Type: PlaylistType, Data: [][]byte{v.playlist}}, nil
		case v.ended:
			return File{}, ErrNotFound
		}
		if err := v.wait(ctx); err != nil {
			return File{}, err
		}
	}
}

func (v *view) wait(ctx context.Context) error {
	select {
	case <-v.change:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ready tells whether there is a playlist.
func (r *Rendition) Ready() bool { return r.now.Load().playlist != nil }

// Since returns when there was a playlist first; zero while there is none.
func (r *Rendition) Since() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since
}

// File returns an initialization section, segment or part by its name. For the part that
// comes next it waits. It fails with ErrNotFound, and with ctx's error.
func (r *Rendition) File(ctx context.Context, name string) (File, error) {
	if f, ok := r.initFile(name); ok {
		return f, nil
	}
	p, ok := r.parse(name)
	if !ok {
		return File{}, ErrNotFound
	}
	for {
		v := r.now.Load()
		if data, ok := r.find(p); ok {
			return File{Type: r.kind, Data: data, Keep: true}, nil
		}
		if v.ended || v.playlist == nil || p.Part < 0 || p.before(v.next) || p != v.next {
			return File{}, ErrNotFound
		}
		if err := v.wait(ctx); err != nil {
			return File{}, err
		}
	}
}

func (r *Rendition) initFile(name string) (File, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.init != nil && r.init.name == name {
		return File{Type: r.kind, Data: [][]byte{r.init.data}, Keep: true}, true
	}
	for _, s := range r.segments {
		if s.init != nil && s.init.name == name {
			return File{Type: r.kind, Data: [][]byte{s.init.data}, Keep: true}, true
		}
	}
	return File{}, false
}

// find returns a segment that is complete, or a part.
func (r *Rendition) find(p Place) ([][]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.segments {
		switch {
		case s.n != p.Segment:
		case p.Part >= 0:
			if p.Part < len(s.parts) && s.parts[p.Part].data != nil {
				return [][]byte{s.parts[p.Part].data}, true
			}
		case s.done && !s.missing():
			var all [][]byte
			for _, q := range s.parts {
				all = append(all, q.data)
			}
			return all, true
		}
	}
	return nil, false
}

// segmentName returns the name of a segment, or of a part.
func (r *Rendition) segmentName(p Place) string {
	if p.Part < 0 {
		return fmt.Sprintf("%s-%d.%s", r.name, p.Segment, r.ext)
	}
	return fmt.Sprintf("%s-%d.%d.%s", r.name, p.Segment, p.Part, r.ext)
}

// parse is the inverse of segmentName.
func (r *Rendition) parse(name string) (p Place, ok bool) {
	rest, is := strings.CutPrefix(name, r.name+"-")
	rest, ext := strings.CutSuffix(rest, "."+r.ext)
	if !is || !ext {
		return p, false
	}
	n, i, part := strings.Cut(rest, ".")
	p.Part = -1
	var err error
	if part {
		if p.Part, err = strconv.Atoi(i); err != nil || p.Part < 0 {
			return p, false
		}
	}
	p.Segment, err = strconv.ParseInt(n, 10, 64)
	return p, err == nil && r.segmentName(p) == name
}
