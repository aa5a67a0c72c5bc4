package record

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"sort"
	"sync"
	"time"
)

// Config is how a stream keeps its records.
type Config struct {
	Now  func() time.Duration // session time
	Open func() (File, error) // a new file of the spool; nil: records are in memory alone
	Log  *slog.Logger         // nil for none

	// Bytes, 0 for the defaults: what is in memory when the disk takes the rest, what may
	// be there while it does not, one file of the spool, all of them.
	Tail, Memory   int
	Segment, Spool int64
}

func (c Config) withDefaults() Config {
	c.Tail, c.Memory = cmp.Or(c.Tail, 256<<10), cmp.Or(c.Memory, 4<<20)
	c.Segment, c.Spool = cmp.Or(c.Segment, 8<<20), cmp.Or(c.Spool, 256<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

const (
	batch    = 64 << 10    // bytes written to the spool at a time
	again    = time.Second // after a failure of the disk
	passings = 64          // transient records that are there at a time
)

// Stream is what happened in one session. Append never waits for a reader or the
// disk. It is safe for concurrent use.
type Stream struct {
	cfg Config

	mu      sync.Mutex
	last    uint64  // number of the last record
	tail    []entry // the last ones, in memory
	bytes   int     // in tail
	behind  uint64  // number up to which records have left memory
	passing []passing
	passed  uint64        // transient records that there were
	change  chan struct{} // closed and replaced at every change
	ended   bool
	closed  bool
	readers int
	lost    int
	gone    map[int]bool // phrases that were dumped: readers are not told of them anymore

	spool    spool
	spilling bool
	writing  uint64    // number of the last record that is being written to the spool; 0: none is
	retry    time.Time // when the disk is tried again
	failed   int       // how often it failed
	writer   sync.WaitGroup
}

// entry is a record in memory.
type entry struct {
	seq  uint64
	line []byte
	lost int // records that it stands for; 0 for itself
}

// passing is a transient record.
type passing struct {
	record Record
	after  uint64 // number of the record before it
}

// New returns an empty stream.
func New(c Config) *Stream {
	c = c.withDefaults()
	return &Stream{cfg: c, change: make(chan struct{}), spool: spool{open: c.Open, segment: c.Segment, all: c.Spool}}
}

// Restore puts records that were kept elsewhere, in the order of their numbers, at
// the beginning of a stream that has none yet; the next one's number is beyond last.
func (s *Stream) Restore(records []Record, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		if r.Seq > s.last && r.Seq <= last {
			s.last = r.Seq
			s.withdraw(r.Dumped)
			s.take(r)
		}
	}
	s.last = max(s.last, last)
}

// Append takes a record, whose Seq and At it sets. After the end, and after Moved,
// none is taken.
func (s *Stream) Append(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	r.At = s.cfg.Now()
	s.withdraw(r.Dumped)
	if r.Partial != nil {
		s.passing = append(s.passing[max(0, len(s.passing)+1-passings):], passing{r, s.last})
		s.passed++
	} else {
		s.last++
		r.Seq = s.last
		s.take(r)
		s.ended = r.Moved != nil
	}
	s.changed()
}

// withdraw has readers be told no more of phrases that were dumped; the caller has the lock.
func (s *Stream) withdraw(d *Dumped) {
	if d == nil {
		return
	}
	if s.gone == nil {
		s.gone = map[int]bool{}
	}
	for _, id := range d.Phrases {
		s.gone[id] = true
	}
}

// told tells whether readers may know of a record.
func (s *Stream) told(r Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.Phrase == 0 || !s.gone[r.Phrase]
}

// take puts a record in memory and sees to it that others make room; the caller has the lock.
func (s *Stream) take(r Record) {
	line, err := Encode(r)
	e := entry{seq: r.Seq, line: line}
	if err != nil {
		s.cfg.Log.Error("a record is lost: it cannot be written down", "err", err)
		e = lostEntry(r.Seq, 1)
		s.lost++
	}
	s.tail = append(s.tail, e)
	s.bytes += len(e.line)
	if s.bytes > s.cfg.Tail && s.cfg.Open != nil && !s.spilling && !time.Now().Before(s.retry) {
		s.spilling = true
		s.writer.Go(s.spill)
	}
	for s.bytes > s.cfg.Memory && s.shed() {
	}
}

func lostEntry(seq uint64, n int) entry {
	line, _ := Encode(Record{Seq: seq, Lost: &Lost{n}}) // of two numbers: it never fails
	return entry{seq: seq, line: line, lost: n}
}

// shed has one entry stand for the two oldest that are not being written, whose
// records are lost; the caller has the lock.
func (s *Stream) shed() bool {
	i := sort.Search(len(s.tail), func(i int) bool { return s.tail[i].seq > s.writing })
	if i+1 >= len(s.tail) {
		return false
	}
	both := 0
	for _, e := range s.tail[i : i+2] {
		s.bytes -= len(e.line)
		both += max(1, e.lost)
		if e.lost == 0 {
			s.lost++
		}
	}
	s.tail[i+1] = lostEntry(s.tail[i+1].seq, both)
	s.bytes += len(s.tail[i+1].line)
	s.tail = slices.Delete(s.tail, i, i+1)
	return true
}

// spill writes the oldest records to the spool until half of the tail is left.
func (s *Stream) spill() {
	for {
		s.mu.Lock()
		entries := s.oldest()
		if len(entries) == 0 {
			s.spilling = false
			s.mu.Unlock()
			return
		}
		s.writing = entries[len(entries)-1].seq
		s.mu.Unlock()

		err := s.spool.write(entries)

		s.mu.Lock()
		if err != nil {
			s.failed++
			if s.failed&(s.failed-1) == 0 {
				s.cfg.Log.Warn("the disk does not take records: they stay in memory, and the oldest are lost when there are too many", "times", s.failed, "err", err)
			}
			s.writing, s.spilling, s.retry = 0, false, time.Now().Add(again)
			s.mu.Unlock()
			return
		}
		for _, e := range entries {
			s.bytes -= len(e.line)
		}
		s.tail = append([]entry(nil), s.tail[len(entries):]...)
		s.behind, s.writing = s.writing, 0
		s.mu.Unlock()
	}
}

// oldest returns what is to be written next; the caller has the lock.
func (s *Stream) oldest() (out []entry) {
	n := 0
	for i := 0; i < len(s.tail)-1 && n < batch && s.bytes-n > s.cfg.Tail/2; i++ {
		out = append(out, s.tail[i])
		n += len(s.tail[i].line)
	}
	return out
}

func (s *Stream) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

// Last returns the number of the last record, 0 before the first.
func (s *Stream) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Stats are figures of a stream.
type Stats struct {
	Records uint64 // that there were
	Lost    int    // of them
	Spooled int64  // bytes on disk
}

// Stats returns the figures as they are now.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{s.last, s.lost + s.spool.lost(), s.spool.size()}
}

// End takes no more records. Readers read what there is, then io.EOF.
func (s *Stream) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.changed()
}

// Close ends the stream and waits for what is being written. The spool goes with
// the last reader.
func (s *Stream) Close() {
	s.End()
	s.writer.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.letGo()
}

// letGo closes the spool if nobody needs it; the caller has the lock.
func (s *Stream) letGo() {
	if s.closed && s.readers == 0 {
		s.spool.close()
	}
}

// Reader reads a stream. It is used by one goroutine, and closed.
type Reader struct {
	s    *Stream
	next uint64   // number of the record to be read next, or one behind it
	pass uint64   // transient records that it has had, or missed
	read []Record // of the spool
}

// From returns a reader of the records from number seq on: all, with 1; those that
// come from now on, with Last()+1.
func (s *Stream) From(seq uint64) *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers++
	return &Reader{s: s, next: min(max(seq, 1), s.last+1), pass: s.passed}
}

// Recent returns a reader of the records from number seq on, as far as memory holds them.
func (s *Stream) Recent(seq uint64) *Reader {
	r := s.From(seq)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.next = max(r.next, s.behind+1)
	return r
}

// Close lets go of the stream.
func (r *Reader) Close() {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	s.letGo()
}

// Next waits for the next record; io.EOF after the last one of a stream that has
// ended. Of transient records it may miss some. Others it misses only where a record
// says so (Lost), and those of phrases that were dumped (Dumped).
func (r *Reader) Next(ctx context.Context) (Record, error) {
	for {
		out, err := r.following(ctx)
		if err != nil || r.s.told(out) {
			return out, err
		}
	}
}

// following is Next, of phrases that were dumped too.
func (r *Reader) following(ctx context.Context) (Record, error) {
	for {
		if len(r.read) > 0 {
			out := r.read[0]
			r.read, r.next = r.read[1:], out.Seq+1
			return out, nil
		}
		out, found, spooled, change, err := r.memory()
		switch {
		case found || err != nil:
			return out, err
		case spooled:
			r.read = r.s.spool.read(r.next)
			continue
		}
		select {
		case <-change:
		case <-ctx.Done():
			return Record{}, ctx.Err()
		}
	}
}

// memory returns the next record if memory holds it, or whether the spool does, or
// what is closed at the next change.
func (r *Reader) memory() (out Record, found, spooled bool, change <-chan struct{}, err error) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	r.pass = max(r.pass, s.passed-uint64(len(s.passing)))
	if i := r.pass - (s.passed - uint64(len(s.passing))); i < uint64(len(s.passing)) && s.passing[i].after < r.next {
		r.pass++
		return s.passing[i].record, true, false, nil, nil
	}
	if r.next <= s.behind {
		return out, false, true, nil, nil
	}
	i := sort.Search(len(s.tail), func(i int) bool { return s.tail[i].seq >= r.next })
	if i == len(s.tail) {
		if s.ended {
			return out, false, false, nil, io.EOF
		}
		return out, false, false, s.change, nil
	}
	e := s.tail[i]
	if out, err = Decode(e.line); err != nil { // it was encoded here
		out, err = Record{Seq: e.seq, Lost: &Lost{1}}, nil
	}
	r.next = e.seq + 1
	return out, true, false, nil, nil
}
