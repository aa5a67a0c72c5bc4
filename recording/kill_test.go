package recording

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"livedub/store"
)

// The variables by which a test of its own process is told what to record.
const (
	victimDir  = "LIVEDUB_TEST_RECORD_INTO"
	victimLoop = "LIVEDUB_TEST_RECORD_LOOP"
)

// written is how long after its end a segment is on the disk, in time of the recording:
// the process that is killed goes no further before.
const written = 150 * time.Millisecond

// TestVictim is the process that is killed: it records 32 s of one dub within 2 s, tells
// how far it is, and finishes the recording.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		t.Skip("it is a part of TestKilled")
	}
	l := newLoop(t, os.Getenv(victimLoop))
	r := newRecorder(t, Config{Dir: dir})
	var s stage
	g := r.begin(about(epoch), s.attach(l.tracks))
	g.consent(true, time.Now())
	g.record([]string{"es"})
	sink := s.sink(t, "es")
	began := time.Now()
	err := l.play(sink, 0, 32*time.Second, func(at time.Duration) {
		time.Sleep(at/16 - time.Since(began))
		for at%SegmentLength > written && !g.written() { // it runs 16 times as fast as the disk expects
			time.Sleep(time.Millisecond)
		}
		fmt.Printf("at %d\n", at.Milliseconds())
	})
	if err != nil {
		t.Fatal(err)
	}
	r.end(g, false, nil)
	r.settle(t)
}

// written tells whether all segments that were cut are on the disk.
func (g *growing) written() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tapes {
		t.mu.Lock()
		waiting := t.waiting
		t.mu.Unlock()
		if waiting > 0 {
			return false
		}
	}
	return true
}

// TestKilled: whenever a recorder is killed, what it had recorded is playable, but for
// one segment at most.
func TestKilled(t *testing.T) {
	film := filepath.Join(t.TempDir(), "loop.mp4")
	drawLoop(t, film, "160x120")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for range 20 {
		dir := t.TempDir()
		recorded := kill(t, self, dir, film, time.Duration(rand.Int64N(int64(2500*time.Millisecond))))
		if _, err := Repair(t.Context(), Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(fileKey(epoch, "es")))
		playable := 0.0
		if _, err := os.Stat(path); err == nil {
			playable = number(t, probe(t, path).Format.Duration)
		}
		if playable < recorded-(SegmentLength+2*written).Seconds() {
			t.Errorf("killed after %.1f s were recorded: %.1f s can be played", recorded, playable)
		}
		worst = max(worst, recorded-playable)
		if again, err := Repair(t.Context(), Config{Dir: dir}); err != nil || again > 0 {
			t.Errorf("repaired again: %d, %v", again, err)
		}
		var left []string
		_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, _ error) error {
			if partial(e.Name()) {
				left = append(left, path)
			}
			return nil
		})
		if left != nil {
			t.Errorf("left behind: %v", left)
		}
		if m, err := NewLibrary(LibraryConfig{Local: dir}).manifest(t.Context(), epoch); playable > 0 && playable < 31.9 && (err != nil || m.State != store.CutShort || m.Why == "") {
			t.Errorf("%+v, %v", m, err)
		}
	}
	t.Logf("%.1f s were lost at most", worst)
}

// kill runs the victim for so long after it has begun, and returns how many seconds it
// had been given by then.
func kill(t *testing.T, self, dir, film string, after time.Duration) (recorded float64) {
	t.Helper()
	c := exec.Command(self, "-test.run=^TestVictim$", "-test.v")
	c.Env = append(os.Environ(), victimDir+"="+dir, victimLoop+"="+film)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if len(line) < 4 || line[:3] != "at " {
			continue
		}
		if timer == nil {
			timer = time.AfterFunc(after, func() { _ = c.Process.Kill() })
			defer timer.Stop()
		}
		ms, err := strconv.Atoi(line[3:])
		if err != nil {
			continue // cut off
		}
		recorded = max(recorded, float64(ms)/1000)
	}
	_ = c.Wait() // it was killed
	return recorded
}
