package caller

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// silentFace is 5 s of a drawn face that is silent but for the markers, with two
// phrases that it only claims to say. It needs no program to speak.
var silentFace = sync.OnceValues(func() (*Material, error) {
	speaker, err := testspeaker.New(testspeaker.Config{Width: 320, Height: 180, FPS: frameRate, BarCode: true, Markers: true})
	if err != nil {
		return nil, err
	}
	m := &Material{Length: 5 * time.Second, Said: []phrase{{"one", time.Second, 2 * time.Second}, {"two", 3 * time.Second, 4 * time.Second}}}
	src, err := testspeaker.NewSource(speaker, testspeaker.SourceConfig{KeyInterval: keyEvery, Length: m.Length})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	for {
		p, err := src.Read(context.Background())
		if errors.Is(err, io.EOF) {
			return m, m.check()
		}
		if err != nil {
			return nil, err
		}
		m.take(p)
	}
})

// synthetic returns a silentFace of the test's own.
func synthetic(t testing.TB) *Material {
	t.Helper()
	m, err := silentFace()
	if err != nil {
		t.Fatal(err)
	}
	own := *m
	own.frames, own.sounds, own.Said = slices.Clone(m.frames), slices.Clone(m.sounds), slices.Clone(m.Said)
	return &own
}

// TestLoop: the loop goes on without a seam, in frames, sound and phrases.
func TestLoop(t *testing.T) {
	m := synthetic(t)
	if len(m.frames) != 150 || len(m.sounds) != 250 {
		t.Fatalf("%d frames, %d packets of sound", len(m.frames), len(m.sounds))
	}
	for i := range 400 {
		a, _ := m.frame(i)
		b, _ := m.frame(i + 1)
		if d := b - a; d < 33*time.Millisecond || d > 34*time.Millisecond {
			t.Fatalf("frame %d lasts %v", i, d)
		}
		a, _ = m.sound(i)
		b, _ = m.sound(i + 1)
		if b-a != opusFrame {
			t.Fatalf("packet %d lasts %v", i, b-a)
		}
	}
	if start, end := m.phrase(3); start != 8*time.Second || end != 9*time.Second {
		t.Errorf("phrase 3: %v to %v", start, end)
	}
	for _, at := range []time.Duration{0, time.Second, 4999 * time.Millisecond, 5 * time.Second, 12345 * time.Millisecond} {
		f, s := m.keyAfter(at), m.soundAfter(at)
		if this, key := m.frame(f); this < at || this >= at+keyEvery+50*time.Millisecond || !key.key {
			t.Errorf("after %v comes frame %d, at %v", at, f, this)
		}
		this, _ := m.sound(s)
		before, _ := m.sound(max(s-1, 0))
		if this < at || s > 0 && before >= at {
			t.Errorf("after %v comes packet %d, at %v", at, s, this)
		}
	}
}

// TestExpected: the same number is sent in every loop; the delay that is expected tells which it was.
func TestExpected(t *testing.T) {
	m := synthetic(t)
	second := time.Second
	for _, tt := range []struct {
		n          int
		came, want time.Duration // since the beginning; expected delay
		delay      time.Duration
		index      int
		ok         bool
	}{
		{30, second + 40*time.Millisecond, 0, 40 * time.Millisecond, 30, true},
		{30, 6*second + 40*time.Millisecond, 0, 40 * time.Millisecond, 180, true},
		{30, 5 * second, 4 * second, 4 * second, 30, true},        // one loop ago
		{30, 21*second + 8, 20 * second, 20*second + 8, 30, true}, // four loops ago
		{30, 26 * second, 20 * second, 20 * second, 180, true},
		{30, second, 4 * second, 0, 30, true}, // the only one that there is
		{30, second - 1, 0, 0, 0, false},      // not sent yet
		{150, 20 * second, 0, 0, 0, false},    // no such frame
	} {
		sent, index, ok := m.expected(tt.n, tt.came, tt.want)
		if ok != tt.ok || ok && (tt.came-sent != tt.delay || index != tt.index) {
			t.Errorf("%+v: sent at %v, index %d, %v", tt, sent, index, ok)
		}
	}
}

func TestKeep(t *testing.T) {
	m := synthetic(t)
	path := filepath.Join(t.TempDir(), "kept")
	made := kept{Version: keptVersion, Width: 320, Height: 180}
	if m, err := restore(path, made); m != nil || err != nil {
		t.Errorf("out of nothing: %v, %v", m, err)
	}
	if err := m.keep(path, made); err != nil {
		t.Fatal(err)
	}
	got, err := restore(path, made)
	if err != nil || got == nil {
		t.Fatal(err)
	}
	if got.Length != m.Length || len(got.frames) != len(m.frames) || len(got.sounds) != len(m.sounds) || len(got.Said) != 2 ||
		!bytes.Equal(got.frames[7].payloads[0], m.frames[7].payloads[0]) || got.sounds[9].at != m.sounds[9].at {
		t.Error("it comes back as something else")
	}
	if m, err := restore(path, kept{Version: keptVersion, Width: 640, Height: 180}); m != nil || err != nil {
		t.Errorf("of another size: %v, %v", m, err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"cut": whole[:len(whole)/2], "empty": {}, "text": []byte("hello, hello")} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := restore(path, made); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Material){
		"short":   func(m *Material) { m.Length = time.Second },
		"half":    func(m *Material) { m.Length += time.Second / 2 },
		"no key":  func(m *Material) { m.frames[0].key = false },
		"no film": func(m *Material) { m.frames = nil },
		"mute":    func(m *Material) { m.sounds = m.sounds[:9] },
		"back":    func(m *Material) { m.frames[4].at = 0 },
		"beyond":  func(m *Material) { m.frames[len(m.frames)-1].at = time.Hour },
		"apart":   func(m *Material) { m.sounds[3].at = time.Second },
		"words":   func(m *Material) { m.Said[1].end = time.Minute },
	} {
		m := synthetic(t)
		spoil(m)
		if m.check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzReadKept(f *testing.F) {
	path := filepath.Join(f.TempDir(), "kept")
	m := &Material{Length: 5 * time.Second, frames: []frame{{0, true, [][]byte{{1, 2}}}}, Said: []phrase{{"a", 1, 2}}}
	if err := m.keep(path, kept{Version: keptVersion}); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := readKept(bytes.NewReader(data)); err == nil && len(k.Frames) > len(data) {
			t.Errorf("%d frames of %d bytes", len(k.Frames), len(data))
		}
	})
}

// TestClip: a file becomes a loop of whole seconds whose frames are numbered and whose sound is marked.
func TestClip(t *testing.T) {
	m, err := clip(t.Context(), "../../../web/public/sample.mp4", 320, 180)
	if err != nil {
		t.Fatal(err)
	}
	if m.Length < 10*time.Second || m.Length%time.Second != 0 || m.Said != nil {
		t.Fatalf("%v, %d phrases", m.Length, len(m.Said))
	}
	j := judged(t, m, 0, 0, 6*time.Second)
	if j.read < 170 || j.misread > 0 || j.missing > 0 || j.twice > 0 {
		t.Errorf("%d frames read, %d misread, %d missing, %d twice", j.read, j.misread, j.missing, j.twice)
	}
	if f := j.offset.Figures(); f == nil || f.N < 5 || f.Min < -3 || f.Max > 3 {
		t.Errorf("A/V offset of the clip: %+v", f)
	}
	if _, err := clip(t.Context(), "material_test.go", 320, 180); err == nil {
		t.Error("this file is taken for a film")
	}
	if _, err := newClipper([]media.Track{{Kind: media.Audio, Codec: media.Opus}}, 320, 180); err == nil || !strings.Contains(err.Error(), "video and sound") {
		t.Errorf("without a frame: %v", err)
	}
}
