package spool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"livedub/internal/guard"
	"livedub/store"
)

const (
	groupBytes = 512 << 10 // of batches that are written together
	groupRows  = 1000
	firstPause = 100 * time.Millisecond // after a failure, doubled with each
	lastPause  = 10 * time.Second
)

// entry is a line.
type entry struct {
	At   int64       `json:"at"` // when it was written, ms of Unix time
	Rows store.Batch `json:"rows"`
}

func encode(e entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	if len(text) >= maxLine {
		return nil, fmt.Errorf("%w: a batch of %d rows has %d bytes, %d at most: write fewer at a time", store.ErrInvalid, e.Rows.Len(), len(text), maxLine)
	}
	return append(text, '\n'), nil
}

// decode reads a line, without its end.
func decode(line []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return entry{}, err
	}
	rows, err := store.Clean(e.Rows)
	e.Rows = rows
	return e, err
}

// group is what is written to the journal behind at a time.
type group struct {
	from    *segment
	lines   [][]byte
	rows    store.Batch
	bytes   int64
	damaged int   // of the lines
	why     error // of the last of them
}

// ship writes what waits to the journal behind, in the order it came.
func (j *Journal) ship() {
	most, failed := groupRows, 0
	var since time.Time // when it began to fail
	done := func() {
		if failed > 0 {
			j.again(time.Since(since))
		}
		most, failed = groupRows, 0
	}
	for {
		g, change := j.group(most)
		if g == nil {
			select {
			case <-change:
				continue
			case <-j.closing:
				// Something may have come just before.
				if g, _ = j.group(most); g == nil {
					return
				}
			}
		}
		err := j.write(g)
		switch {
		case err == nil || errors.Is(err, store.ErrErased):
			j.shipped(g)
			done()
		case errors.Is(err, store.ErrInvalid) && len(g.lines) > 1:
			most = 1 // each by itself, until one goes
		case errors.Is(err, store.ErrInvalid):
			j.setAside(g, err)
			done()
		default:
			if failed++; failed == 1 {
				since = time.Now()
			}
			if !j.pause(failed, err) {
				return
			}
		}
	}
}

// group returns what is to be written next, read from the disk anew: it may have been
// erased there since it was last tried. Without any it returns what is closed at the
// next change.
func (j *Journal) group(most int) (*group, <-chan struct{}) {
	for {
		j.mu.Lock()
		change := j.change
		if len(j.segments) == 0 || j.segments[0].read == j.segments[0].size {
			j.mu.Unlock()
			return nil, change
		}
		s := j.segments[0]
		lines, err := s.lines(s.read, s.size, groupBytes)
		j.mu.Unlock()
		g := &group{from: s}
		for _, line := range lines {
			g.lines, g.bytes = append(g.lines, line), g.bytes+int64(len(line))+1
			if len(bytes.TrimSpace(line)) > 0 { // else it was erased
				e, err := decode(line)
				if err != nil {
					g.damaged++
					g.why = err
				}
				g.rows.Add(e.Rows)
			}
			if most == 1 || g.rows.Len() >= most {
				break
			}
		}
		if len(lines) > 0 {
			return g, change
		}
		j.unreadable(s, err)
	}
}

// unreadable leaves out the rest of a segment that the disk does not give back.
func (j *Journal) unreadable(s *segment, err error) {
	j.shipped(&group{from: s, lines: make([][]byte, s.batches), bytes: s.size - s.read, damaged: s.batches, why: err})
}

// write writes a group; a panic of the journal behind is a failure.
func (j *Journal) write(g *group) error {
	if g.rows.Len() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(j.ctx, j.cfg.Timeout)
	defer cancel()
	return guard.Do("journal", func() error { return j.cfg.To.Write(ctx, g.rows) })
}

// pause waits before the next try. It returns false when there is to be none.
func (j *Journal) pause(failed int, err error) bool {
	j.mu.Lock()
	j.stats.Failures++
	j.failing = true
	waits := j.stats.Batches
	j.mu.Unlock()
	if failed&(failed-1) == 0 {
		j.cfg.Log.Warn("the journal does not take what is written: it waits in the spool", "times", failed, "batches", waits, "dir", j.disk.dir, "err", err)
	}
	d := lastPause
	if failed < 8 {
		d = min(d, firstPause<<(failed-1))
	}
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-j.closing:
		return false
	}
}

// shipped forgets a group.
func (j *Journal) shipped(g *group) { j.forget(g, len(g.lines)-g.damaged, 0) }

func (j *Journal) setAside(g *group, why error) {
	j.cfg.Log.Error("a batch can never be written to the journal: it is set aside", "dir", j.disk.dir, "rows", g.rows.Len(), "err", why)
	if err := j.disk.setAside(g.lines[0]); err != nil {
		j.cfg.Log.Error("a batch is lost: it could not be set aside", "dir", j.disk.dir, "err", err)
	}
	j.forget(g, 0, 1)
}

func (j *Journal) forget(g *group, shipped, aside int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(g.lines)
	if g.damaged > 0 {
		j.cfg.Log.Error("the disk does not give back what waited in the spool: it is lost", "dir", j.disk.dir, "batches", g.damaged, "err", g.why)
	}
	j.stats.Batches -= n
	j.stats.Shipped += shipped
	j.stats.Aside += aside
	j.stats.Damaged += g.damaged
	s := g.from
	s.read, s.batches = s.read+g.bytes, s.batches-n
	if s.read == s.size {
		j.emptied(s)
	}
	j.changed()
}

// emptied makes room of a segment of which nothing waits; the caller has the lock.
func (j *Journal) emptied(s *segment) {
	s.shipped = time.Now()
	if j.cfg.Again > 0 {
		if len(j.segments) > 1 {
			j.retire()
		}
		return
	}
	if len(j.segments) == 1 { // it is written to again
		s.clear()
		return
	}
	j.segments = j.segments[1:]
	j.remove(s)
}

func (j *Journal) remove(s *segment) {
	_ = s.file.Close()
	if err := os.Remove(s.file.Name()); err != nil { // it will be shipped again, which changes nothing
		j.cfg.Log.Warn("a file of the spool cannot be removed", "err", err)
	}
}
