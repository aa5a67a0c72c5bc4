package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/store"
	"livedub/store/files"
)

// words returns what the servers of this test have written down of a session.
func words(t *testing.T, epoch string) (store.Batch, error) {
	t.Helper()
	j, err := files.OpenJournal(filepath.Join(os.Getenv("LIVEDUB_STORE_DIR"), "journal"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	return j.Session(t.Context(), epoch)
}

// written wants all captions that somebody has had to be in the journal.
func written(t *testing.T, epoch string, told []told) {
	t.Helper()
	b, err := words(t, epoch)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]map[int]string{}
	for _, p := range b.Phrases {
		if texts[p.Lang] == nil {
			texts[p.Lang] = map[int]string{}
		}
		texts[p.Lang][p.ID] = p.Text
	}
	for _, e := range told {
		if texts[e.Lang][e.ID] != e.Text {
			t.Errorf("phrase %d in %s, %q, was told; in the journal it is %q", e.ID, e.Lang, e.Text, texts[e.Lang][e.ID])
		}
	}
	t.Logf("%d captions were told, the journal has %d", len(told), len(b.Phrases))
}

// conversation is a session that somebody speaks in, and somebody follows.
func conversation(t *testing.T, s *server) (epoch, control string, hears *audience) {
	t.Helper()
	var p struct {
		place
		Events, Epoch string
	}
	if status, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":2000,"consent":true}`, &p); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	path := func(url string) string { return strings.TrimPrefix(url, s.base) }
	hears = &audience{}
	hears.follow(t, s, path(p.Events))
	publish(t, s, path(p.WHIP), newSpeaker(t, time.Second), nil)
	return p.Epoch, path(p.Control), hears
}

// TestJournal: what is said is written down while it is, and is there to the last half
// second when the server is killed. What is to be erased is; what is to be kept has its
// end. The log says that words are kept, and how to keep none.
func TestJournal(t *testing.T) {
	s := serve(t, append(slices.Clone(fakes), "--log-level", "info")...)
	if log := s.printed(); !strings.Contains(log, "what is said in calls is kept") || !strings.Contains(log, "--store none") || !strings.Contains(log, "720h") {
		t.Errorf("the log does not say what is kept:\n%s", log)
	}
	epoch, control, hears := conversation(t, s)
	until(t, "some phrases are dubbed", func() bool { return len(hears.finals()) >= 4 })
	if status, body := s.call(t, "DELETE", control+"?erase=maybe", "", nil); status != 400 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.call(t, "DELETE", control, "", nil); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	until(t, "the journal has its end", func() bool {
		b, err := words(t, epoch)
		return err == nil && !b.Sessions[0].Ended.IsZero()
	})
	written(t, epoch, hears.finals())
	b, err := words(t, epoch)
	if err != nil || len(b.Consents) != 1 || !b.Consents[0].Given || len(b.Dubs) != 1 || b.Sessions[0].Phrases == 0 || b.Sessions[0].Lost != 0 {
		t.Errorf("%v: %+v, %+v, %+v", err, b.Sessions, b.Dubs, b.Consents)
	}

	epoch, control, hears = conversation(t, s)
	until(t, "a phrase is said", func() bool { return len(hears.finals()) >= 1 })
	if status, body := s.call(t, "DELETE", control+"?erase=true", "", nil); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	if b, err := words(t, epoch); !errors.Is(err, store.ErrErased) {
		t.Errorf("%+v, %v", b, err)
	}

	epoch, _, hears = conversation(t, s)
	until(t, "phrases are dubbed", func() bool { return len(hears.finals()) >= 6 })
	said := hears.finals()
	time.Sleep(500 * time.Millisecond)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it says that it was killed
	written(t, epoch, said)
}

// TestKeepNothing: with --store none nothing of a call is on the disk.
func TestKeepNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := serve(t, append([]string{"--store", "none", "--store-dir", dir}, fakes...)...)
	_, control, hears := conversation(t, s)
	until(t, "a phrase is said", func() bool { return len(hears.finals()) >= 1 })
	if status, body := s.call(t, "DELETE", control+"?erase=true", "", nil); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there: %v", dir, err)
	}
}
