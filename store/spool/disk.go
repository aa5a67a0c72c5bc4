package spool

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"livedub/store"
)

const (
	places   = 64 // processes that may have the same folder
	lockFile = "lock"
	aside    = "aside.jsonl" // what can never be written
	// maxAside is how many bytes are kept of that.
	maxAside = 16 << 20
)

// place is the folder of one process: FOLDER/0, FOLDER/1, ..., each with its lock.
type place struct {
	dir  string
	lock *os.File
}

// take takes the first place that nobody has, and what waits in others that nobody has.
func take(dir string) (*place, error) {
	var mine *place
	for i := range places {
		p, err := lock(filepath.Join(dir, strconv.Itoa(i)), mine == nil)
		switch {
		case err != nil:
			if mine != nil {
				err = errors.Join(err, mine.close())
			}
			return nil, err
		case p == nil:
		case mine == nil:
			mine = p
		default:
			if err := errors.Join(mine.adopt(p), p.close()); err != nil {
				return nil, errors.Join(mine.failed("take over what a process has left in", err), mine.close())
			}
		}
	}
	if mine == nil {
		return nil, fmt.Errorf("%w: %d processes have their spools in %s: give this one another folder", store.ErrUnavailable, places, dir)
	}
	return mine, nil
}

// lock returns the place at dir, nil if another process has it, or it is not there and
// not to be made.
func lock(dir string, create bool) (*place, error) {
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make a folder for the spool: %w: name another, or let this user write there", err)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock the spool: %w: name another folder, or let this user write there", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, f.Close()
	}
	return &place{dir, f}, nil // with any other error the file system knows no locks
}

func (p *place) close() error { return p.lock.Close() }

func (p *place) failed(what string, err error) error {
	hint := ""
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		hint = ": make room there"
	}
	return fmt.Errorf("%w: %s the spool %s: %w%s", store.ErrUnavailable, what, p.dir, err, hint)
}

func name(n int64) string { return fmt.Sprintf("%016d.jsonl", n) }

// segments returns the numbers of the files that there are.
func (p *place) segments() (out []int64, err error) {
	all, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, p.failed("read", err)
	}
	for _, e := range all {
		digits, is := strings.CutSuffix(e.Name(), ".jsonl")
		if n, err := strconv.ParseInt(digits, 10, 64); is && err == nil && n >= 0 && name(n) == e.Name() {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// adopt moves what waits in another place behind what waits here.
func (p *place) adopt(from *place) error {
	mine, err := p.segments()
	if err != nil {
		return err
	}
	theirs, err := from.segments()
	if err != nil {
		return err
	}
	next := int64(0)
	if n := len(mine); n > 0 {
		next = mine[n-1] + 1
	}
	for i, n := range theirs {
		if err := os.Rename(filepath.Join(from.dir, name(n)), filepath.Join(p.dir, name(next+int64(i)))); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(filepath.Join(from.dir, aside))
	if err == nil {
		err = p.setAside(bytes.TrimSuffix(text, []byte("\n")))
	}
	if err == nil {
		err = os.Remove(filepath.Join(from.dir, aside))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// segment is a file of lines. Only the last one grows.
type segment struct {
	file    *os.File
	size    int64 // bytes that count
	read    int64 // of them, those that wait no more
	batches int   // lines that wait
	total   int   // lines
	dirty   bool

	began   time.Time // when it was made, or opened
	shipped time.Time // when the journal behind had all of it
}

// create begins a segment.
func (p *place) create(n int64) (*segment, error) {
	f, err := os.OpenFile(filepath.Join(p.dir, name(n)), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	d, err := os.Open(p.dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{file: f, began: time.Now()}, nil
}

// open opens a segment that is there. A last line that was cut off does not count: who
// wrote it was not told that it was written.
func (p *place) open(n int64) (*segment, error) {
	f, err := os.OpenFile(filepath.Join(p.dir, name(n)), os.O_RDWR, 0o600)
	if err != nil {
		return nil, p.failed("open", err)
	}
	s := &segment{file: f, began: time.Now()}
	in := bufio.NewReaderSize(f, 64<<10)
	line := int64(0)
	for {
		text, err := in.ReadSlice('\n')
		line += int64(len(text))
		switch {
		case err == nil:
			s.size, s.batches, s.total, line = s.size+line, s.batches+1, s.total+1, 0
		case errors.Is(err, io.EOF):
			if err := f.Truncate(s.size); err != nil {
				return nil, errors.Join(p.failed("mend", err), f.Close())
			}
			return s, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, errors.Join(p.failed("read", err), f.Close())
		}
	}
}

// lines returns those that come next, without their ends: one at least, and as many as
// have so many bytes together.
func (s *segment) lines(from, to int64, most int) (out [][]byte, err error) {
	for n := int64(most); ; n *= 2 {
		text := make([]byte, min(n, to-from))
		if _, err := s.file.ReadAt(text, from); err != nil {
			return nil, err
		}
		for {
			line, rest, whole := bytes.Cut(text, []byte("\n"))
			if !whole {
				break
			}
			out, text = append(out, line), rest
		}
		if len(out) > 0 || n >= to-from {
			return out, nil
		}
	}
}

// oldest returns when the first line that waits was written; zero where none does.
func (s *segment) oldest() time.Time {
	var head [32]byte
	n, err := s.file.ReadAt(head[:min(int64(len(head)), s.size-s.read)], s.read)
	if err != nil {
		return time.Time{}
	}
	text, _ := strings.CutPrefix(string(head[:n]), `{"at":`)
	digits, _, _ := strings.Cut(text, ",")
	at, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

// erase overwrites the rows of a session from a place on, and has that reach the disk.
// Lines stay as long as they are.
func (s *segment) erase(epoch string, from int64) error {
	changed := false
	for from < s.size {
		all, err := s.lines(from, s.size, segmentSize)
		if err != nil {
			return err
		}
		for _, line := range all {
			if without, had := eraseLine(line, epoch); had {
				changed = true
				if _, err := s.file.WriteAt(without, from); err != nil {
					return err
				}
			}
			from += int64(len(line)) + 1
		}
		if len(all) == 0 {
			break
		}
	}
	if !changed {
		return nil
	}
	return s.file.Sync()
}

// eraseLine returns a line as long without the rows of a session, if it has any. What
// is no line, and names the session, is erased as a whole.
func eraseLine(line []byte, epoch string) (without []byte, had bool) {
	if !bytes.Contains(line, []byte(epoch)) {
		return line, false
	}
	e, err := decode(line)
	var text []byte
	if err == nil {
		e.Rows = e.Rows.Without(epoch)
		text, err = json.Marshal(e)
	}
	if err != nil || len(text) > len(line) {
		text = nil
	}
	return append(text, bytes.Repeat([]byte(" "), len(line)-len(text))...), true
}

// setAside keeps what can never be written, as far as there is room.
func (p *place) setAside(line []byte) error {
	f, err := os.OpenFile(filepath.Join(p.dir, aside), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	is, err := f.Stat()
	if err == nil && is.Size()+int64(len(line)) < maxAside {
		_, err = f.Write(append(slices.Clone(line), '\n'))
	}
	return errors.Join(err, f.Close())
}

func (p *place) eraseAside(epoch string) error {
	f, err := os.OpenFile(filepath.Join(p.dir, aside), os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := f.Stat()
	if err == nil {
		err = (&segment{file: f, size: is.Size()}).erase(epoch, 0)
	}
	return errors.Join(err, f.Close())
}
