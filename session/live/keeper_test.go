package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/cluster"
	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/session"
	"livedub/session/record"
	"livedub/session/spec"
)

// shelf is a Saver in memory that can be away, and that takes its time.
type shelf struct {
	mu    sync.Mutex
	parts [][]byte
	saves []save
	away  bool
	hangs time.Duration
}

type save struct {
	at    time.Time
	bytes int
}

func (s *shelf) save(ctx context.Context, part []byte, whole bool) error {
	s.mu.Lock()
	away, hangs := s.away, s.hangs
	s.mu.Unlock()
	select {
	case <-time.After(hangs):
	case <-ctx.Done():
		return ctx.Err()
	}
	if away {
		return errors.New("the registry does not answer")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if whole {
		s.parts = nil
	}
	s.parts = append(s.parts, part)
	s.saves = append(s.saves, save{time.Now(), len(part)})
	return nil
}

func (s *shelf) Append(ctx context.Context, _ string, p []byte) error  { return s.save(ctx, p, false) }
func (s *shelf) Replace(ctx context.Context, _ string, p []byte) error { return s.save(ctx, p, true) }

func (s *shelf) set(away bool, hangs time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away, s.hangs = away, hangs
}

// load returns what is kept, and how many bytes that is.
func (s *shelf) load(t *testing.T) (session.Checkpoint, int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for _, p := range s.parts {
		size += len(p) + 28 // by which encryption makes it longer
	}
	c, err := session.DecodeCheckpoint(s.parts...)
	if err != nil {
		t.Fatal(err)
	}
	return c, size
}

// keptCall opens a call whose checkpoint is kept on a shelf.
func keptCall(t *testing.T) (*Call, *shelf, *Manager) {
	t.Helper()
	s := &shelf{}
	m := NewManager(ManagerConfig{Base: spec.Config{Profile: spec.Sync, Delay: 4 * time.Second}, Max: 2, Idle: 24 * time.Hour, Saver: s})
	c, err := m.Create(spec.Spec{ID: "a", From: "en", To: []inference.Lang{"es"}})
	if err != nil {
		t.Fatal(err)
	}
	c.Keep()
	synctest.Wait()
	return c, s, m
}

// talk has phrase id said and dubbed to so many languages.
func talk(c *Call, id, langs int) {
	text := func() (out string) {
		for range 12 {
			out += fmt.Sprintf("%x ", rand.Uint32())
		}
		return out
	}
	now := c.Clock.Now()
	p := inference.Phrase{ID: id, Lang: "en", Text: text(), Final: true, Start: max(0, now-3*time.Second), End: now}
	c.Tell(record.Said("en", p))
	for i := range langs {
		lang := inference.Lang(fmt.Sprint("l", i))
		dubbed := text()
		for _, fn := range []func(*record.Record, string){
			func(r *record.Record, text string) { r.Translated = &record.Translated{Text: text} },
			func(r *record.Record, text string) {
				r.Placed = &spec.Record{Text: text, Outcome: spec.Played, DubStart: p.Start, DubEnd: p.End, Voice: "a voice of it"}
			},
			func(r *record.Record, text string) { r.Played = &record.Played{} },
		} {
			r := record.Of(lang, p)
			fn(&r, dubbed)
			c.Tell(r)
		}
	}
}

// TestKeeperBounds: an hour in ten languages stays within the bounds of a checkpoint, its
// newest phrases are always there, and each is within some 200 ms.
func TestKeeperBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for langs, phrases := range map[int]int{1: 300, 10: 60} {
			c, s, m := keptCall(t)
			late := 0
			for id := 1; id <= phrases; id++ {
				talk(c, id, langs)
				if id%5 > 0 {
					time.Sleep(2 * time.Second)
					continue
				}
				time.Sleep(saveApart + 50*time.Millisecond)
				got, size := s.load(t)
				if size > cluster.MaxCheckpoint {
					t.Fatalf("%d languages: %d bytes", langs, size)
				}
				if got.Phrase < id {
					late++
				}
				time.Sleep(1750 * time.Millisecond)
				var p record.Phrases
				got, _ = s.load(t)
				for _, r := range got.Records {
					p.Add(r)
				}
				for _, said := range p.All[max(0, len(p.All)-3):] {
					if len(said.Dubs) != langs && said.ID > 1 {
						t.Fatalf("phrase %d has %d dubs", said.ID, len(said.Dubs))
					}
				}
				if whole := len(p.All) == id; whole != (p.Lost == 0) {
					t.Fatalf("%d languages: of %d phrases %d are kept, and %d records are said to be lost", langs, id, len(p.All), p.Lost)
				}
				if len(p.All) < min(id, 6) || p.All[len(p.All)-1].ID != id {
					t.Fatalf("%d languages: of %d phrases %d are kept", langs, id, len(p.All))
				}
			}
			if late > phrases/5/10 {
				t.Errorf("%d languages: of %d phrases looked at %d were kept late", langs, phrases/5, late)
			}
			for i := range s.saves {
				sum := 0
				for _, later := range s.saves[i:] {
					if later.at.Sub(s.saves[i].at) >= time.Second {
						break
					}
					sum += later.bytes + 28
				}
				if sum > 20<<10 {
					t.Fatalf("%d bytes in a second", sum)
				}
			}
			m.Close()
		}
	})
}

// TestKeeperOutage: a registry that is away, or hangs, holds up nothing; when it is
// back all is there.
func TestKeeperOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hangs := range []time.Duration{0, 3 * time.Second} {
			c, s, m := keptCall(t)
			talk(c, 1, 1)
			time.Sleep(time.Second)
			s.set(true, hangs)
			began := time.Now()
			for id := 2; id <= 300; id++ {
				talk(c, id, 1)
				if time.Since(began) != time.Duration(id-2)*2*time.Second {
					t.Fatal("the call was held up")
				}
				time.Sleep(2 * time.Second)
			}
			if got, _ := s.load(t); got.Phrase != 1 || m.saves.failed.Load() < 100 {
				t.Errorf("phrase %d is kept; %d failures", got.Phrase, m.saves.failed.Load())
			}
			s.set(false, 0)
			time.Sleep(hangs + 5*saveAgain)
			if got, size := s.load(t); got.Phrase != 300 || size > cluster.MaxCheckpoint {
				t.Errorf("up to phrase %d is kept, %d bytes", got.Phrase, size)
			}
			m.Close()
		}
	})
}

// TestKeeperFollowsSettings, and ends with the call.
func TestKeeperFollowsSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, m := keptCall(t)
		defer m.Close()
		if got, _ := s.load(t); got.Spec.Epoch != c.Epoch || got.Spec.ID != "" || *got.Spec.Delay != 4*time.Second {
			t.Errorf("at first %+v", got)
		}
		c.SetWords(glossary.Words{Keep: []string{"Torres"}})
		time.Sleep(saveApart + 50*time.Millisecond)
		got, _ := s.load(t)
		if len(got.Spec.Words.Keep) != 1 {
			t.Errorf("%+v", got.Spec)
		}
		if d := got.Origin.Sub(time.Now().Add(-c.Clock.Now())); d.Abs() > time.Millisecond {
			t.Errorf("its clock's origin is off by %v", d)
		}
		c.SetOutputs([]spec.Output{{ID: "one", URL: "rtmp://live.example/live/sesame", Langs: []string{"es"}}})
		c.Tell(record.Record{Output: &record.Output{ID: "one", State: "added"}})
		time.Sleep(saveApart + 50*time.Millisecond)
		if got, _ = s.load(t); !reflect.DeepEqual(got.Outputs, c.Outputs()) {
			t.Errorf("sent on to %+v", got.Outputs)
		}
		next, err := m.Open("b", got)
		if err != nil || !reflect.DeepEqual(next.Outputs(), c.Outputs()) || next.Away() {
			t.Errorf("at the next node: %+v, %v", next, err)
		}
		c.Tell(record.Record{Moved: &record.Moved{Fence: 7}})
		talk(c, 9, 1)
		time.Sleep(time.Minute)
		if got, _ := s.load(t); got.Phrase != 0 {
			t.Error("a session that has moved is still kept")
		}
		c.Keep()
		if err := m.Delete("a"); err != nil {
			t.Error(err)
		}
		c.Keep() // does nothing
	})
}

// TestOpenRefuses: what no session can be opened from is refused, and the name stays free.
func TestOpenRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, m := keptCall(t)
		defer m.Close()
		cp, _ := s.load(t)
		if _, err := m.Open("a", cp); !errors.Is(err, spec.ErrExists) {
			t.Errorf("a name that is taken: %v", err)
		}
		bad := cp
		bad.Origin = time.Now().Add(time.Hour)
		if _, err := m.Open("b", bad); !errors.Is(err, session.ErrCheckpoint) {
			t.Errorf("a clock that stands before its beginning: %v", err)
		}
		next, err := m.Open("b", cp)
		if err != nil {
			t.Fatal(err)
		}
		if next.Epoch != c.Epoch || next.Clock.Now() != c.Clock.Now() || next.Records().Last() <= c.Records().Last() {
			t.Errorf("epoch %s, at %v, record %d", next.Epoch, next.Clock.Now(), next.Records().Last())
		}
		if _, err := m.Open("c", cp); !errors.Is(err, spec.ErrFull) {
			t.Errorf("a session too many: %v", err)
		}
	})
}
