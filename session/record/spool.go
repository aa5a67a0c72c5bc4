package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"
)

// File is a part of the spool.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// TempFiles opens files in a folder, "" for the system's own, that have no name
// there anymore: they are gone with the process, however it ends.
func TempFiles(dir string) func() (File, error) {
	return func() (File, error) {
		f, err := os.CreateTemp(dir, "livedub-records-*")
		if err != nil {
			return nil, err
		}
		if err := os.Remove(f.Name()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// spool keeps records on disk, the oldest of a stream: bounded, and read by their
// numbers. One goroutine writes.
type spool struct {
	open         func() (File, error)
	segment, all int64 // bytes that one and all segments may have

	mu       sync.Mutex
	segments []*segment
	bytes    int64
	gone     int    // records in segments that made room for newer ones
	closed   int    // records in segments when the spool was closed
	goneTo   uint64 // number of the last of both
}

// segment is one file of the spool.
type segment struct {
	file    File
	size    int64
	last    uint64 // number of its last record
	records int
	marks   []mark
}

// mark tells where a record begins: each about markEvery.
type mark struct {
	seq uint64
	at  int64
}

const (
	markEvery = 32 << 10
	chunk     = 2*maxLine + markEvery // read at a time: a line is whole in it, wherever it begins
)

// write appends entries.
func (s *spool) write(entries []entry) error {
	s.mu.Lock()
	var seg *segment
	if n := len(s.segments); n > 0 && s.segments[n-1].size < s.segment {
		seg = s.segments[n-1]
	}
	s.mu.Unlock()
	if seg == nil {
		f, err := s.open()
		if err != nil {
			return fmt.Errorf("open a file for records: %w", err)
		}
		seg = &segment{file: f}
		s.mu.Lock()
		s.segments = append(s.segments, seg)
		s.mu.Unlock()
	}
	var text bytes.Buffer
	var marks []mark
	from := seg.size
	if len(seg.marks) > 0 {
		from = seg.marks[len(seg.marks)-1].at + markEvery
	}
	for _, e := range entries {
		if at := seg.size + int64(text.Len()); at >= from {
			marks, from = append(marks, mark{e.seq, at}), at+markEvery
		}
		text.Write(e.line)
		text.WriteByte('\n')
	}
	if _, err := seg.file.WriteAt(text.Bytes(), seg.size); err != nil { // the next try overwrites it
		return fmt.Errorf("write records: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.marks = append(seg.marks, marks...)
	seg.size += int64(text.Len())
	seg.records += len(entries)
	seg.last = entries[len(entries)-1].seq
	s.bytes += int64(text.Len())
	for s.bytes > s.all && len(s.segments) > 1 {
		old := s.segments[0]
		s.segments = s.segments[1:]
		s.bytes -= old.size
		s.gone, s.goneTo = s.gone+old.records, old.last
		_ = old.file.Close() // it was read and written to without error
	}
	return nil
}

// read returns the next records from number seq on, at least one; there are some.
func (s *spool) read(seq uint64) (out []Record) {
	s.mu.Lock()
	if seq <= s.goneTo {
		defer s.mu.Unlock()
		return []Record{{Seq: s.goneTo, Lost: &Lost{s.gone + s.closed}}}
	}
	seg := s.segments[sort.Search(len(s.segments)-1, func(i int) bool { return s.segments[i].last >= seq })]
	at, last, size := int64(0), seg.last, seg.size
	if m := sort.Search(len(seg.marks), func(i int) bool { return seg.marks[i].seq > seq }); m > 0 {
		at = seg.marks[m-1].at
	}
	s.mu.Unlock()

	text := make([]byte, min(chunk, size-at))
	n, err := seg.file.ReadAt(text, at)
	if err == nil || errors.Is(err, io.EOF) {
		for _, line := range bytes.SplitAfter(text[:n], []byte("\n")) {
			if !bytes.HasSuffix(line, []byte("\n")) {
				break // its rest comes with the next chunk
			}
			if r, err := Decode(line[:len(line)-1]); err == nil && r.Seq >= seq && r.Seq <= last {
				out = append(out, r)
			}
		}
	}
	if len(out) == 0 { // the disk gives back something else than what was written
		return []Record{{Seq: last, Lost: &Lost{int(min(last-seq+1, uint64(seg.records)))}}}
	}
	return out
}

func (s *spool) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

func (s *spool) lost() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		_ = seg.file.Close()
		s.closed, s.goneTo = s.closed+seg.records, max(s.goneTo, seg.last)
	}
	s.segments = nil
}
