package test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// held is what the connector holds, and what has come through it.
type held struct{ goroutines, mb, tracks, frames, sounds int }

// TestSoak has three speakers and two languages, and a listener who changes their mind
// again and again, for LIVEKIT_SOAK: what the connector holds must not grow, and what the
// others get must not stop.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("LIVEKIT_SOAK"))
	if err != nil {
		t.Skip("LIVEKIT_SOAK is not set: run make test-livekit SOAK=3m")
	}
	speakers, langs := []string{"ana", "eva", "ida"}, []string{"es", "ca"}
	s := play(t, "--room", "demo")
	listeners := s.gather(t, speakers, langs)
	ben := s.come(t, "demo", "ben", nil)
	wishes := []map[string]string{{"livedub.lang": "ca", "livedub.video": "true"}, {"livedub.lang": "es", "livedub.video": "false"}, {"livedub.lang": "", "livedub.video": "false"}, {"livedub.lang": "es", "livedub.video": "true"}}
	var all []held
	for i, began := 0, time.Now(); time.Since(began) < length; i++ {
		ben.room.LocalParticipant.SetAttributes(wishes[i%len(wishes)])
		time.Sleep(5 * time.Second) // until the next change of mind
		if i%len(wishes) == len(wishes)-1 {
			h := s.holds(t, listeners, speakers)
			all = append(all, h)
			t.Logf("%v: %+v", time.Since(began).Round(time.Second), h)
		}
	}
	if len(all) < 4 {
		t.Skipf("%v is too short to tell growth", length)
	}
	first, last := all[len(all)/4], all[len(all)-1]
	if last.goroutines > first.goroutines+20 {
		t.Errorf("goroutines grow: %+v", all)
	}
	if last.mb > first.mb+first.mb/2 {
		t.Errorf("memory grows: %+v", all)
	}
	if want := 2 * len(speakers) * len(langs); last.tracks != want {
		t.Errorf("%d tracks are published, want %d", last.tracks, want)
	}
	for i, h := range all[1:] {
		if h.frames == all[i].frames || h.sounds == all[i].sounds {
			t.Errorf("nothing came between the looks %d and %d: %+v", i, i+1, all)
		}
	}
	s.compare(t, listeners, speakers)
}

// holds looks at the connector, at a moment when all who listen want sound and picture.
func (s *scene) holds(t *testing.T, listeners map[string]*person, speakers []string) held {
	t.Helper()
	h := held{goroutines: s.goroutines(t), mb: resident(t, s.connector.cmd.Process.Pid)}
	for lang, l := range listeners {
		for _, rp := range l.room.GetRemoteParticipants() {
			if rp.Identity() == "livedub" {
				h.tracks = len(rp.TrackPublications())
			}
		}
		for _, name := range speakers {
			sounds, _ := l.ear(name+"-"+lang, "audio").all()
			frames, _ := l.ear(name+"-"+lang, "video").all()
			h.sounds += len(sounds)
			h.frames += len(frames)
		}
	}
	return h
}

func (s *scene) goroutines(t *testing.T) int {
	t.Helper()
	var h struct{ Goroutines int }
	if err := json.Unmarshal([]byte(get(t, s.api+"/healthz")), &h); err != nil {
		t.Fatal(err)
	}
	return h.Goroutines
}

var rss = regexp.MustCompile(`VmRSS:\s+(\d+)`)

// resident returns the memory of a process, MB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	kb, err := strconv.Atoi(string(rss.FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}
