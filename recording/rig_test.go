package recording

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/store"
)

// epoch is that of the shelf's recording.
const epoch = "0b8c3a52-6f0e-4e7a-9d62-3c1f5d0a7b11"

var born = time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)

// shelf is a library over files on disk and a journal in memory, which also stands for
// what can fail. Objects are a folder of their own.
type shelf struct {
	*testing.T
	*Library
	local, remote string

	mu     sync.Mutex
	rows   map[string]store.Batch
	erased map[string]bool
	fails  error            // of the journal
	broken map[string]error // of objects, by prefix
	calls  []string
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{T: t, local: t.TempDir(), remote: t.TempDir(), erased: map[string]bool{}, broken: map[string]error{}}
	s.rows = map[string]store.Batch{epoch: {
		Sessions: []store.Session{{Epoch: epoch, Name: "talk", From: "en", DelayMS: 4000, Created: born}},
		Recordings: []store.Recording{{
			ID: epoch, Session: "talk", From: "en", Created: born, State: store.Growing,
			Languages: []store.RecordedLanguage{{Lang: "es"}, {Lang: "ca"}},
		}},
	}}
	s.Library = NewLibrary(LibraryConfig{
		Journal: s, Objects: objects{s}, Local: s.local, LinkLife: time.Minute,
		Erase: func(ctx context.Context, id string) error { return errors.Join(s.Remove(ctx, id), s.Erase(ctx, id)) },
	})
	return s
}

func (s *shelf) did(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, what)
}

// end makes the recording one that has ended.
func (s *shelf) end() {
	s.rows[epoch].Recordings[0].State = store.Whole
	s.forget(epoch)
}

// put writes a file below dir, which is s.local or s.remote.
func (s *shelf) put(dir, rest string, data []byte) {
	s.Helper()
	name := filepath.Join(dir, filepath.FromSlash(Dir(epoch)+rest))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		s.Fatal(err)
	}
	s.forget(epoch)
}

// take writes a take, and segments that say what they are.
func (s *shelf) take(dir, lang string, t Take) {
	s.Helper()
	text, err := json.Marshal(t)
	if err != nil {
		s.Fatal(err)
	}
	s.put(dir, lang+"/"+t.Name+".json", text)
	s.put(dir, lang+"/"+t.Name+"/"+initName, []byte("init of "+t.Name))
	for _, g := range t.Segments {
		s.put(dir, lang+"/"+t.Name+"/"+segmentName(g.N), []byte(segmentName(g.N)+" of "+t.Name))
	}
}

func (s *shelf) Write(context.Context, store.Batch) error { return errors.ErrUnsupported }

func (s *shelf) Session(_ context.Context, epoch string) (store.Batch, error) {
	b, ok := s.rows[epoch]
	switch {
	case s.fails != nil:
		return store.Batch{}, s.fails
	case s.erased[epoch]:
		return store.Batch{}, store.ErrErased
	case !ok:
		return store.Batch{}, store.ErrNotFound
	}
	return b, nil
}

func (s *shelf) Recordings(_ context.Context, f store.Filter) (store.Page, error) {
	var p store.Page
	for _, b := range s.rows {
		p.Recordings = append(p.Recordings, b.Recordings...)
	}
	return p, s.fails
}

func (s *shelf) Erase(_ context.Context, epoch string) error {
	s.did("erase " + epoch)
	if s.fails != nil {
		return s.fails
	}
	delete(s.rows, epoch)
	s.erased[epoch] = true
	return nil
}

func (s *shelf) Expired(_ context.Context, before time.Time, limit int) (epochs []string, err error) {
	for id, b := range s.rows {
		if b.Sessions[0].Ended.Before(before) && len(epochs) < limit {
			epochs = append(epochs, id)
		}
	}
	slices.Sort(epochs)
	return epochs, s.fails
}

func (s *shelf) Close() error { return nil }

// objects are the files below the shelf's folder for them.
type objects struct{ s *shelf }

func (o objects) Put(context.Context, string, string, store.Type) error { return errors.ErrUnsupported }

func (o objects) Open(_ context.Context, key string, offset, n int64) (io.ReadCloser, store.Object, error) {
	f, err := os.Open(filepath.Join(o.s.remote, filepath.FromSlash(key)))
	if err != nil {
		return nil, store.Object{}, store.ErrNotFound
	}
	st, err := f.Stat()
	if err != nil {
		return nil, store.Object{}, errors.Join(err, f.Close())
	}
	_, err = f.Seek(offset, io.SeekStart)
	if n < 0 {
		n = st.Size()
	}
	return limited{io.LimitReader(f, n), f}, store.Object{Key: key, Size: st.Size(), Modified: st.ModTime()}, err
}

func (o objects) List(_ context.Context, prefix string) ([]store.Object, error) {
	var out []store.Object
	err := filepath.WalkDir(o.s.remote, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(o.s.remote, p)
		if key := filepath.ToSlash(rel); strings.HasPrefix(key, prefix) {
			out = append(out, store.Object{Key: key})
		}
		return err
	})
	slices.SortFunc(out, func(a, b store.Object) int { return cmp.Compare(a.Key, b.Key) })
	return out, errors.Join(err, o.s.broken["list"])
}

func (o objects) Delete(_ context.Context, prefix string) error {
	o.s.did("delete " + prefix)
	if err := o.s.broken[prefix]; err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(o.s.remote, filepath.FromSlash(prefix)))
}

func (o objects) Link(_ context.Context, key, name string, lives time.Duration) (string, error) {
	return "https://s3.example/" + key + "?name=" + name + "&for=" + lives.String(), nil
}

func (o objects) Close() error { return nil }
