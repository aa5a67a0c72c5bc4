package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/redistest"
	"livedub/session/report"
)

// told is an event as a client has it.
type told struct {
	id, name string
	Lang     string
	ID       int
	Text     string
	Final    bool
	Skipped  bool
}

// audience follows the events of a session.
type audience struct {
	mu   sync.Mutex
	all  []told
	last string // the last ID
}

func (a *audience) finals() (out []told) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.all {
		if e.name == "caption" && e.Final {
			out = append(out, e)
		}
	}
	return out
}

// guessing tells whether the last event is a caption that is not final.
func (a *audience) guessing() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.all) > 0 && a.all[len(a.all)-1].name == "caption" && !a.all[len(a.all)-1].Final
}

// follow opens the stream behind what the audience has had, and reads it to its end
// or the test's.
func (a *audience) follow(t *testing.T, s *server, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.last != "" {
		req.Header.Set("Last-Event-ID", a.last)
	}
	resp, err := client.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { resp.Body.Close(); <-done })
	go func() {
		defer close(done)
		var e told
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				if json.Unmarshal([]byte(value), &e) != nil {
					return // cut off
				}
			case "":
				a.mu.Lock()
				if e.name != "" {
					a.all = append(a.all, e)
				}
				if e.id != "" {
					a.last = e.id
				}
				a.mu.Unlock()
				e = told{}
			}
		}
	}()
}

// TestKilledSessionGoesOn kills a node in mid-phrase. The other node opens the session
// from its checkpoint: its clock runs on, its addresses hold, who followed its events
// goes on behind the last one, and no phrase is told or dubbed twice.
func TestKilledSessionGoesOn(t *testing.T) {
	r := redistest.Start(t)
	nodes := map[string]*server{"one": node(t, r, "one"), "two": node(t, r, "two")}
	g := startGateway(t, r)
	var p struct {
		place
		Events, Epoch string
		Now           float64
	}
	if status, body := g.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":4000}`, &p); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	path := func(url string) string { return strings.TrimPrefix(url, g.base) }
	publish(t, g, path(p.WHIP), newSpeaker(t, time.Second), nil)
	hears := &audience{}
	hears.follow(t, g, path(p.Events))
	until(t, "some phrases are dubbed, and one is being said", func() bool { return len(hears.finals()) >= 8 && hears.guessing() })
	if status, body := g.call(t, "GET", path(p.Control), "", &p); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	stood, then := p.Now, time.Now()
	told := hears.finals()
	time.Sleep(500 * time.Millisecond) // what is told is kept within 200 ms

	killed := busiest(t, g)
	nodes[killed].kill(t)
	before := hears.finals()
	hears.follow(t, g, path(p.Events))
	publish(t, g, path(p.WHIP), newSpeaker(t, time.Second), nil)
	if status, body := g.call(t, "GET", path(p.Control), "", &p); status != 200 || p.Fence == 0 {
		t.Fatalf("%d %s", status, body)
	}
	if off := p.Now - stood - time.Since(then).Seconds(); off > .1 || off < -.1 {
		t.Errorf("the clock stood at %.2f s and is off by %.3f s", stood, off)
	}
	until(t, "phrases are dubbed at the other node", func() bool { return len(hears.finals()) >= len(before)+6 })

	written(t, p.Epoch, told)
	seen := map[string]bool{}
	for _, e := range hears.finals() {
		key := fmt.Sprint(e.Lang, e.ID, e.Skipped)
		if e.id == "" || seen[e.id] || seen[key] {
			t.Errorf("told twice: %+v", e)
		}
		seen[e.id], seen[key] = true, true
	}
	// What was told before is in the session's history, once.
	var rep report.Report
	status, body := g.call(t, "GET", path(p.Control)+"/report", "", &rep)
	_, vtt := g.call(t, "GET", path(p.Control)+"/captions/es", "", nil)
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	phrases := map[int]report.Phrase{}
	for _, ph := range rep.Phrases {
		if _, twice := phrases[ph.ID]; twice {
			t.Errorf("phrase %d is there twice", ph.ID)
		}
		for _, other := range phrases {
			if ph.SourceStart < other.SourceEnd-.05 && other.SourceStart < ph.SourceEnd-.05 {
				t.Errorf("phrase %d, said at %.2f to %.2f, was said at %.2f to %.2f as %d too", ph.ID, ph.SourceStart, ph.SourceEnd, other.SourceStart, other.SourceEnd, other.ID)
			}
			if ph.DubStart != nil && other.DubStart != nil && *ph.DubStart < *other.DubEnd-.001 && *other.DubStart < *ph.DubEnd-.001 {
				t.Errorf("the dubs of phrases %d and %d sound at once", ph.ID, other.ID)
			}
		}
		phrases[ph.ID] = ph
	}
	for _, e := range before {
		if ph, ok := phrases[e.ID]; e.Lang == "es" && (!ok || ph.Text != e.Text || !strings.Contains(vtt, e.Text)) {
			t.Errorf("phrase %d, %q, was told and is forgotten: %+v", e.ID, e.Text, ph)
		}
	}
	t.Logf("%d captions before, %d in all; %d phrases in the report", len(before), len(hears.finals()), len(rep.Phrases))
}
