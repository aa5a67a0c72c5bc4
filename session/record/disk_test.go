package record

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// disk is a spool whose disk can be full.
type disk struct {
	open func() (File, error)
	mu   sync.Mutex
	full bool
}

func (d *disk) set(full bool) { d.mu.Lock(); defer d.mu.Unlock(); d.full = full }

func (d *disk) err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return errors.New("no space left on device")
	}
	return nil
}

func (d *disk) file() (File, error) {
	f, err := d.open()
	return fullFile{f, d}, err
}

type fullFile struct {
	File
	d *disk
}

func (f fullFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.d.err(); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], at) // as a disk does that is full now
		return n, err
	}
	return f.File.WriteAt(p, at)
}

// TestFullDisk: a disk that takes nothing costs memory up to its bound, then the
// oldest records that it did not take, counted; readers are told, and all is well
// again when it has room.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{open: TempFiles(t.TempDir())}
		s := small(d.file)
		put := func(n int) {
			for range n {
				s.Append(said(int(s.Last())+1, "hello"))
				s.writer.Wait()
			}
		}
		put(100)
		d.set(true)
		put(100)
		time.Sleep(2 * again)
		put(100)
		st := s.Stats()
		if st.Lost == 0 || s.bytes > 8200 || s.failed < 2 {
			t.Fatalf("%+v, %d bytes in memory, failed %d times", st, s.bytes, s.failed)
		}
		d.set(false)
		time.Sleep(2 * again)
		put(100)
		if got := s.Stats(); got.Lost > st.Lost+2 || s.bytes > 1200 {
			t.Errorf("%+v, %d bytes in memory", got, s.bytes)
		}
		s.Close()
	})
}

func TestReadersAreToldOfGaps(t *testing.T) {
	d := &disk{open: TempFiles(t.TempDir())}
	s := small(d.file)
	r := s.From(1)
	defer r.Close()
	for i := range 300 {
		d.set(i >= 100)
		s.Append(said(i+1, "hello"))
		s.writer.Wait()
	}
	s.Close()
	lost, last := 0, uint64(0)
	got := rest(t, r)
	for _, g := range got {
		if g.Seq <= last {
			t.Errorf("%d behind %d", g.Seq, last)
		}
		if g.Lost != nil {
			lost += g.Lost.Records
		} else if g.Seq != last+1 && lost == 0 {
			t.Errorf("%d behind %d, and nothing said", g.Seq, last)
		}
		last = g.Seq
	}
	if st := s.Stats(); lost == 0 || lost != st.Lost || last != 300 || len(got) > 301-lost {
		t.Errorf("told of %d lost ones and %d others: %+v", lost, len(got), st)
	}
}

// TestNoDisk: records that cannot be opened a file for stay in memory as far as it goes.
func TestNoDisk(t *testing.T) {
	for name, open := range map[string]func() (File, error){"none": nil, "no folder": TempFiles(t.TempDir() + "/none")} {
		s := small(open)
		for i := range 300 {
			s.Append(said(i+1, "hello"))
			s.writer.Wait()
		}
		s.Close()
		r := s.From(1)
		got := rest(t, r)
		r.Close()
		if st := s.Stats(); st.Lost == 0 || got[0].Lost == nil || got[0].Lost.Records != st.Lost || len(got)-1 != 300-st.Lost {
			t.Errorf("%s: %d records, %+v", name, len(got), st)
		}
	}
}

// TestBadDisk: what comes back from the disk as something else is lost, and told.
func TestBadDisk(t *testing.T) {
	s := small(TempFiles(t.TempDir()))
	for i := range 100 {
		s.Append(said(i+1, "hello"))
		s.writer.Wait()
	}
	seg := s.spool.segments[0]
	if _, err := seg.file.WriteAt([]byte(strings.Repeat("\xff{]\n", int(seg.size)/4)), 0); err != nil {
		t.Fatal(err)
	}
	r := s.From(1)
	defer r.Close()
	s.Close()
	got := rest(t, r)
	if got[0].Lost == nil || got[0].Seq != seg.last || got[len(got)-1].Seq != 100 {
		t.Errorf("%+v", got[0])
	}
}
