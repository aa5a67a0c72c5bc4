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

// TestSoak has listeners change their minds again and again, for LIVEKIT_SOAK: what the
// connector holds must not grow.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("LIVEKIT_SOAK"))
	if err != nil {
		t.Skip("LIVEKIT_SOAK is not set: run make test-livekit SOAK=3m")
	}
	s := play(t, "--room", "demo")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, true)
	ben := s.come(t, "demo", "ben", map[string]string{"livedub.lang": "es", "livedub.video": "true"})
	eva := s.come(t, "demo", "eva", map[string]string{"livedub.lang": "es"})
	eventually(t, "Eva hears Ana", eva.hears("ana-es"))
	type held struct{ goroutines, mb, tracks int }
	var all []held
	wishes := []map[string]string{{"livedub.lang": "ca", "livedub.video": "true"}, {"livedub.lang": "es", "livedub.video": "false"}, {"livedub.lang": "", "livedub.video": "false"}, {"livedub.lang": "es", "livedub.video": "true"}}
	for i, began := 0, time.Now(); time.Since(began) < length; i++ {
		ben.room.LocalParticipant.SetAttributes(wishes[i%len(wishes)])
		time.Sleep(5 * time.Second) // until the next change of mind
		if i%len(wishes) == len(wishes)-1 {
			h := held{goroutines: s.goroutines(t), mb: resident(t, s.connector.cmd.Process.Pid)}
			for _, rp := range eva.room.GetRemoteParticipants() {
				if rp.Identity() == "livedub" {
					h.tracks = len(rp.TrackPublications())
				}
			}
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
	if last.tracks > 3 {
		t.Errorf("%d tracks are published, at most Spanish sound, Catalan sound and picture are wanted", last.tracks)
	}
	eventually(t, "Eva still hears Ana", eva.hears("ana-es"))
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
