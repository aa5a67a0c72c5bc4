package cluster

import (
	"path/filepath"
	"testing"
	"time"

	"livedub/internal/testkit/clusterrig"
	"livedub/internal/testkit/filmtest"
)

// The material of tones.
const (
	tonesRate   = 15 // frames a second
	tonesLength = 30 * time.Second
)

// recorded starts two nodes that record into one folder, and a call. It returns the folder.
func recorded(t *scene) (*clusterrig.Rig, *clusterrig.Call, string) {
	t.Helper()
	dir := t.TempDir()
	r := start(t, clusterrig.Config{Nodes: 2, Drain: time.Minute, Consent: true, Args: []string{"--record", "dubs", "--store", "files", "--store-dir", dir}})
	return r, call(t, r), dir
}

// filmed ends a call and returns its film.
func filmed(t *scene, c *clusterrig.Call, dir string) filmtest.Film {
	t.Helper()
	must(t, c.End(t.Context()))
	var found []string
	until(t, "there is a film", time.Minute, func() bool {
		found, _ = filepath.Glob(filepath.Join(dir, "recordings", "*", "es", "es.mp4"))
		return len(found) > 0
	})
	f, err := filmtest.Read(t.Context(), found[0])
	must(t, err)
	late := f.Late(tonesRate)
	t.Logf("%.1f s, %d frames, sound is late by (ms) %.1f", f.Length.Seconds(), len(f.Frames), late)
	if len(late) < 5 || late[0] < -45 || late[len(late)-1] > 45 {
		t.Errorf("sound is late by (ms) %.1f", late)
	}
	return f
}

// TestRecordingIsHandedOver: a call whose node leaves is one film, of which nothing is
// missing or there twice.
func TestRecordingIsHandedOver(t *testing.T) { play(t, recordingIsHandedOver) }

func recordingIsHandedOver(t *scene) {
	r, c, dir := recorded(t)
	began := time.Now()
	time.Sleep(5 * time.Second)
	n := holder(t, r, c)
	must(t, n.Leave())
	must(t, n.Wait(90*time.Second))
	time.Sleep(7 * time.Second)
	f := filmed(t, c, dir)
	if long := time.Since(began) - clusterrig.Delay - 2*time.Second; f.Length < long {
		t.Errorf("%v of %v", f.Length, long)
	}
	if at, left := f.Jumps(tonesRate, tonesLength, 150*time.Millisecond); at != nil {
		t.Errorf("at %v the film leaves out %v", at, left)
	}
}

// TestRecordingOfAKilledNode: a call whose node is killed is one film, which lacks one
// segment at most, and what nobody was there to dub.
func TestRecordingOfAKilledNode(t *testing.T) { play(t, recordingOfAKilledNode) }

func recordingOfAKilledNode(t *scene) {
	r, c, dir := recorded(t)
	time.Sleep(6 * time.Second)
	n := holder(t, r, c)
	killed := time.Now()
	n.Kill()
	hearing(t, c, killed.Add(time.Second), 3)
	time.Sleep(5 * time.Second)
	f := filmed(t, c, dir)
	at, left := f.Jumps(tonesRate, tonesLength, 150*time.Millisecond)
	t.Logf("at %v the film leaves out %v", at, left)
	if len(at) != 1 || left[0] < 0 || left[0] > 12*time.Second {
		t.Errorf("at %v the film leaves out %v", at, left)
	}
}
