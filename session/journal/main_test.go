package journal

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/store"
	"livedub/store/files"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore is a store.Journal in files that a test switches off.
type fakeStore struct {
	store.Journal
	mu    sync.Mutex
	down  error
	hang  bool // it does not answer
	tries int
	each  func(store.Batch) error // asked before; nil takes all
}

func (f *fakeStore) Write(ctx context.Context, b store.Batch) error {
	f.mu.Lock()
	f.tries++
	down, hang, each := f.down, f.hang, f.each
	f.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down != nil {
		return down
	}
	if each != nil {
		if err := each(b); err != nil {
			return err
		}
	}
	return f.Journal.Write(ctx, b)
}

func (f *fakeStore) set(down error) { f.mu.Lock(); defer f.mu.Unlock(); f.down = down }

func (f *fakeStore) tried() int { f.mu.Lock(); defer f.mu.Unlock(); return f.tries }

func (f *fakeStore) read(t *testing.T) store.Batch {
	t.Helper()
	b, err := f.Session(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newStore(t *testing.T) *fakeStore {
	t.Helper()
	j, err := files.OpenJournal(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fakeStore{Journal: j}
}

// call is a session's records, and who writes them down.
type call struct {
	t      *testing.T
	stream *record.Stream
	f      *follower
	done   chan struct{}
	wg     sync.WaitGroup
	began  time.Time
}

func engines() spec.EngineNames {
	return spec.EngineNames{Recognizer: "whisper", Translator: "apertium", Voice: "espeak"}
}

// follow begins to write down a call. Change may change the follower before.
func follow(t *testing.T, j *Journal, change func(*follower, *record.Stream)) *call {
	c := &call{t: t, done: make(chan struct{}), began: time.Now()}
	c.stream = record.New(record.Config{Now: func() time.Duration { return time.Since(c.began) }})
	head := store.Session{Epoch: "e", Name: "talk", From: "en", To: []string{"es"}, Profile: "sync", DelayMS: 4000, Created: c.began}
	c.f = newFollower(j, head, c.done, func() (int64, bool) { return 0, true }, slog.New(slog.DiscardHandler))
	if change != nil {
		change(c.f, c.stream)
	}
	r := c.stream.From(1)
	c.wg.Go(func() { defer r.Close(); c.f.run(r) })
	return c
}

// begin tells what a session begins with.
func (c *call) begin() {
	c.stream.Append(record.Record{Consent: &spec.Consent{Given: true, At: c.began}})
	c.stream.Append(record.Record{Targets: &record.Targets{To: []inference.Lang{"es"}}})
}

// end ends the call and waits until it is written down.
func (c *call) end() {
	c.stream.End()
	close(c.done)
	c.wg.Wait()
	c.stream.Close()
}

func phrase(id int) inference.Phrase {
	at := time.Duration(id) * time.Second
	return inference.Phrase{ID: id, Lang: "en", Text: "Hello.", Start: at, End: at + time.Second/2, Final: true}
}

// said tells all that becomes of a phrase that is dubbed.
func said(s *record.Stream, id int) {
	p := phrase(id)
	s.Append(record.Said("en", p))
	tell := func(change func(*record.Record)) {
		r := record.Of("es", p)
		change(&r)
		s.Append(r)
	}
	placed := spec.Record{Phrase: p, Text: "Hola.", Outcome: spec.Played, DubStart: p.Start, DubEnd: p.End, Late: time.Millisecond, Voice: "espeak-ng es", Engines: engines()}
	tell(func(r *record.Record) { r.Translated = &record.Translated{Text: "Hola."} })
	tell(func(r *record.Record) { r.Voiced = &record.Voiced{Voice: "espeak-ng es"} })
	tell(func(r *record.Record) { r.Placed = &placed })
	tell(func(r *record.Record) { r.Played = &record.Played{} })
}

// wholePhrases wants all phrases in both languages, each as it should be.
func wholePhrases(t *testing.T, b store.Batch, n int) {
	t.Helper()
	if len(b.Phrases) != 2*n {
		t.Fatalf("%d rows of phrases, want %d", len(b.Phrases), 2*n)
	}
	for i, p := range b.Phrases[n:] {
		if p.ID != i+1 || p.Lang != "es" || p.SourceLang != "en" || p.SourceText != "Hello." || p.Text != "Hola." || p.Outcome != "played" ||
			p.Start != phrase(p.ID).Start || p.End != phrase(p.ID).End || p.DubStart == nil || *p.DubStart != p.Start || *p.DubEnd != p.End || *p.Late != time.Millisecond ||
			p.Recognizer != "whisper" || p.Translator != "apertium" || p.Voice != "espeak-ng es" {
			t.Fatalf("%+v", p)
		}
	}
	for i, p := range b.Phrases[:n] {
		if p.ID != i+1 || p.Lang != "en" || p.SourceLang != "en" || p.SourceText != "Hello." || p.Text != "Hello." || p.Outcome != "" || p.DubStart != nil || p.Translator != "" {
			t.Fatalf("%+v", p)
		}
	}
}

func (c *call) targets() []inference.Lang { return []inference.Lang{"es"} }
