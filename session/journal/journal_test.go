package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/store"
)

var errDown = fmt.Errorf("%w: no route to host", store.ErrUnavailable)

// TestCall: all that happens in a call is there as rows, soon after it happened.
func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		j := New(Config{To: to, Node: "n1", Engines: engines()})
		c := follow(t, j, nil)
		synctest.Wait()
		time.Sleep(gather)
		synctest.Wait()
		if b := to.read(t); len(b.Sessions) != 1 || b.Sessions[0].Name != "talk" || !b.Sessions[0].Ended.IsZero() {
			t.Fatalf("at its beginning: %+v", b)
		}
		c.begin()
		for id := range 100 {
			said(c.stream, id+1)
			c.stream.Append(record.Record{Partial: &spec.Caption{Text: "a guess"}})
			time.Sleep(time.Second)
			synctest.Wait()
			if b := to.read(t); len(b.Phrases) != 2*(id+1) {
				t.Fatalf("a second after phrase %d: %d rows", id+1, len(b.Phrases))
			}
		}
		own := record.Said("en", inference.Phrase{ID: 101, Lang: "en", Text: "Hola.", Final: true})
		own.Committed, own.OwnVoice = nil, own.Committed
		skipped := record.Of("de", phrase(100))
		skipped.Skipped = &spec.Record{Outcome: spec.SkippedLate}
		for _, r := range []record.Record{
			{Targets: &record.Targets{To: []inference.Lang{"de"}}}, own, skipped,
			{Lang: "de", Ladder: &spec.LadderChange{Lang: "de", Level: spec.Captions, Why: "slow"}}, {Gap: &record.Gap{From: 1, To: 2}}, {Publisher: &record.Publisher{Here: true}},
			{Lang: "de", Viewers: &record.Viewers{N: 3}}, {Lang: "de", Lips: &record.Lips{On: true}}, {Drain: &spec.Drain{Until: c.began}},
		} {
			c.stream.Append(r)
		}
		ended := time.Now()
		c.end()
		b := to.read(t)
		s := b.Sessions[0]
		if s.Phrases != 101 || s.Lost != 0 || !s.Ended.Equal(ended.Truncate(time.Microsecond)) || strings.Join(s.To, "") != "de" || s.From != "en" || s.DelayMS != 4000 || s.Profile != "sync" {
			t.Errorf("%+v", s)
		}
		if len(b.Dubs) != 2 || b.Dubs[0].Skipped != 1 || b.Dubs[0].Ladder != "captions" || b.Dubs[1].Played != 100 || b.Dubs[1].Ended < 100*time.Second || b.Dubs[0].Ended == 0 {
			t.Errorf("%+v", b.Dubs)
		}
		if len(b.Consents) != 1 || !b.Consents[0].Given {
			t.Errorf("%+v", b.Consents)
		}
		var kinds []string
		for _, e := range b.Events {
			kinds = append(kinds, e.Kind)
		}
		if got := strings.Join(kinds, " "); got != "ladder gap publisher viewers lips drain" || !strings.Contains(string(b.Events[0].Data), "slow") {
			t.Errorf("%s: %+v", got, b.Events)
		}
		// Two rows more: what came back by the microphone, and what was too late in German.
		if p := b.Phrases[0]; p.Lang != "de" || p.ID != 100 || p.Outcome != "skipped_late" || p.SourceText != "Hello." {
			t.Errorf("%+v", p)
		}
		if p := b.Phrases[101]; p.Lang != "en" || p.ID != 101 || p.Outcome != "own_voice" {
			t.Errorf("%+v", p)
		}
		b.Phrases = append(b.Phrases[1:101], b.Phrases[102:]...)
		wholePhrases(t, b, 100)
		if st := j.Stats(); st.Lag != 0 || st.Failures != 0 || st.Lost != 0 || st.Rows < 200 {
			t.Errorf("%+v", st)
		}
	})
}

// TestDumped: no words are left of phrases that nobody was to hear.
func TestDumped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		c := follow(t, New(Config{To: to, Node: "n1", Engines: engines()}), nil)
		c.begin()
		said(c.stream, 1)
		said(c.stream, 2)
		time.Sleep(time.Second)
		c.stream.Append(record.Record{Dumped: &record.Dumped{From: 1, To: 2, Phrases: []int{2}}})
		c.end()
		b := to.read(t)
		if len(b.Phrases) != 4 || len(b.Events) != 1 || b.Events[0].Kind != "dumped" {
			t.Fatalf("%d rows, events %+v", len(b.Phrases), b.Events)
		}
		for _, p := range b.Phrases {
			if gone := p.ID == 2; gone != (p.Outcome == "dumped") || gone != (p.Text == withdrawn) || gone != (p.SourceText == withdrawn) {
				t.Errorf("%+v", p)
			}
		}
	})
}

// TestOutage: ten minutes without a store that answers cost no phrase, and those who
// tell what happens never wait.
func TestOutage(t *testing.T) {
	for name, hang := range map[string]bool{"refuses": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := newStore(t)
				j := New(Config{To: to, Engines: engines()})
				c := follow(t, j, nil)
				c.begin()
				set := func(down bool) {
					to.mu.Lock()
					defer to.mu.Unlock()
					if to.hang = down && hang; down && !hang {
						to.down = errDown
					} else {
						to.down = nil
					}
				}
				for id := range 700 {
					if id == 50 || id == 650 {
						set(id == 50)
					}
					before := time.Now()
					said(c.stream, id+1)
					if waited := time.Since(before); waited > 0 {
						t.Fatalf("phrase %d waited %v", id, waited)
					}
					time.Sleep(time.Second)
				}
				if st := j.Stats(); st.Failures == 0 || st.Lag > time.Second {
					t.Errorf("%+v", st)
				}
				c.end()
				b := to.read(t)
				wholePhrases(t, b, 700)
				if s := b.Sessions[0]; s.Lost != 0 || s.Phrases != 700 || b.Dubs[0].Played != 700 {
					t.Errorf("%+v, %+v", s, b.Dubs)
				}
			})
		})
	}
}

// TestLag: how long rows have waited is told while they do.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		j := New(Config{To: to})
		c := follow(t, j, nil)
		time.Sleep(time.Second)
		to.set(errDown)
		said(c.stream, 1)
		time.Sleep(time.Minute)
		if st := j.Stats(); st.Lag < 59*time.Second || st.Lag > 61*time.Second {
			t.Errorf("%+v", st)
		}
		to.set(nil)
		time.Sleep(lastPause)
		synctest.Wait()
		if st := j.Stats(); st.Lag != 0 {
			t.Errorf("%+v", st)
		}
		c.end()
	})
}

// TestEndsInOutage: a call that ends while the store is down is waited for so long, and
// what is not kept is counted.
func TestEndsInOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		j := New(Config{To: to, Drain: 10 * time.Second})
		c := follow(t, j, nil)
		time.Sleep(time.Second)
		to.set(errDown)
		for id := range 300 {
			said(c.stream, id+1)
		}
		time.Sleep(time.Minute)
		before := time.Now()
		c.end()
		if took := time.Since(before); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("it took %v", took)
		}
		if st := j.Stats(); st.Lost < 600 || st.Lag != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestBackAtTheEnd: so much time is enough where the store is back.
func TestBackAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		j := New(Config{To: to, Engines: engines()})
		c := follow(t, j, nil)
		time.Sleep(time.Second)
		to.set(errDown)
		for id := range 300 {
			said(c.stream, id+1)
		}
		time.Sleep(time.Minute)
		time.AfterFunc(3*time.Second, func() { to.set(nil) })
		c.end()
		b := to.read(t)
		wholePhrases(t, b, 300)
		if b.Sessions[0].Ended.IsZero() || b.Sessions[0].Lost != 0 {
			t.Errorf("%+v", b.Sessions)
		}
	})
}

// TestErased: a session that is erased while it goes on is not written to anymore, and
// goes on to its end.
func TestErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		j := New(Config{To: to})
		c := follow(t, j, nil)
		said(c.stream, 1)
		time.Sleep(time.Second)
		if err := to.Erase(t.Context(), "e"); err != nil {
			t.Fatal(err)
		}
		said(c.stream, 2)
		time.Sleep(time.Second)
		tries := to.tried()
		for id := range 100 {
			said(c.stream, id+3)
			time.Sleep(time.Second)
		}
		c.end()
		if n := to.tried(); n != tries {
			t.Errorf("it was written to %d times more", n-tries)
		}
		if _, err := to.Session(t.Context(), "e"); !errors.Is(err, store.ErrErased) {
			t.Error(err)
		}
		if st := j.Stats(); st.Lost != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestInvalid: a row that can never be kept is counted, and costs no other.
func TestInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		to.each = func(b store.Batch) error {
			for _, p := range b.Phrases {
				if p.ID == 2 {
					return fmt.Errorf("%w: 2", store.ErrInvalid)
				}
			}
			return nil
		}
		j := New(Config{To: to})
		c := follow(t, j, nil)
		for id := range 3 {
			said(c.stream, id+1)
		}
		time.Sleep(time.Second)
		c.end()
		b := to.read(t)
		if len(b.Phrases) != 4 || b.Sessions[0].Lost != 2 || j.Stats().Lost != 2 || b.Sessions[0].Ended.IsZero() {
			t.Errorf("%d rows, %+v, %+v", len(b.Phrases), b.Sessions, j.Stats())
		}
	})
}

// TestLost: records that the session itself lost are counted in its row.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		j := New(Config{To: to})
		c := follow(t, j, nil)
		c.begin()
		c.stream.Append(record.Record{Lost: &record.Lost{Records: 12}})
		said(c.stream, 7)
		c.end()
		if b := to.read(t); b.Sessions[0].Lost != 12 || j.Stats().Lost != 12 || len(b.Events) != 1 || len(b.Phrases) != 2 {
			t.Errorf("%+v, %+v", b, j.Stats())
		}
	})
}

// TestBound: a long call is not remembered as a whole.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newStore(t)
		j := New(Config{To: to, Engines: engines()})
		c := follow(t, j, nil)
		for id := range 3000 {
			said(c.stream, id+1)
			time.Sleep(10 * time.Millisecond)
		}
		c.end()
		if len(c.f.phrases) > mostPhrases || len(c.f.ids) > mostPhrases {
			t.Errorf("%d phrases are remembered", len(c.f.phrases))
		}
		wholePhrases(t, to.read(t), 3000)
	})
}
