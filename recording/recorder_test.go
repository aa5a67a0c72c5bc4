package recording

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/session/spec"
	"livedub/store"
)

func spec0(at time.Duration) spec.Record {
	return spec.Record{Text: "hola", Outcome: spec.Played, DubStart: at + 200*time.Millisecond, DubEnd: at + time.Second}
}

// about returns the manifest of a call that begins.
func about(id string) Manifest {
	return Manifest{
		Version: 1, ID: id, Session: "talk", From: "en", DelayMS: 4000, Created: time.Now().Round(time.Millisecond),
		State: store.Growing, AIDubbed: true, Notice: Notice, Engines: map[string]string{"voice": "espeak"},
	}
}

// newRecorder returns a recorder in dir whose segments stay.
func newRecorder(t *testing.T, c Config) *Recorder {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// settle waits until nothing is being recorded or finished.
func (r *Recorder) settle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		n := len(r.growing) + len(r.finishing)
		r.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a recording is not finished")
		}
	}
}

// near fails where two times in seconds are further apart than a frame.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > .045 {
		t.Errorf("%s: %.3f s, want %.3f", what, got, want)
	}
}

// TestRecording: a call's dubs lie in segments while it goes on, and in one film each
// when it is over, beside their words.
func TestRecording(t *testing.T) {
	l, dir, d := drawn(t), t.TempDir(), &diary{}
	r := newRecorder(t, Config{Dir: dir, Journal: d})
	var s stage
	g := r.begin(about(epoch), s.attach(l.tracks))
	g.consent(true, time.Now())
	g.record([]string{"es", "ca"})
	for lang, from := range map[string]time.Duration{"es": 3 * time.Second, "ca": 6 * time.Second} {
		if err := l.play(s.sink(t, lang), from, 21*time.Second, nil); err != nil {
			t.Fatal(err)
		}
	}
	if st := r.State(epoch); st.State != On || len(st.Languages) != 2 {
		t.Errorf("while it grows: %+v", st)
	}
	r.end(g, false, phraseRows(epoch, said(sec(0), sec(10))))
	r.settle(t)

	row := d.last()
	if row.State != store.Whole || row.Ended.IsZero() || len(row.Languages) != 2 || row.Languages[1].File != "es/es.mp4" || row.Consent.IsZero() {
		t.Errorf("row %+v", row)
	}
	folder := filepath.Join(dir, "recordings", epoch)
	for lang, at := range map[string]float64{"es": 1, "ca": 3} { // the first keyframe of es stands at 4 s, sound at 3
		p := probe(t, filepath.Join(folder, lang, lang+".mp4"))
		near(t, lang+" ends", number(t, p.Format.Duration), 18)
		for _, st := range p.Streams {
			want := at
			if st.CodecType == "audio" {
				want = map[string]float64{"es": 0, "ca": 3}[lang]
			}
			near(t, lang+" "+st.CodecType, number(t, st.StartTime), want)
		}
		if c := p.Format.Tags["comment"]; !strings.HasPrefix(c, "AI dubbed") {
			t.Errorf("%s: comment %q", lang, c)
		}
	}
	vtt, err := os.ReadFile(filepath.Join(folder, "es", "captions.vtt"))
	// The phrase at source time 10 s sounds at 14.2 s, of which the recording begins at 3.008 s: there a frame of sound begins.
	if err != nil || !strings.Contains(string(vtt), "00:00:01.192 --> 00:00:01.992\nhola") || !strings.Contains(string(vtt), "00:00:11.192 --> 00:00:11.992\nhola") {
		t.Errorf("captions %s, %v", vtt, err)
	}
	var m Manifest
	text, err := os.ReadFile(filepath.Join(folder, "recording.json"))
	if err != nil || json.Unmarshal(text, &m) != nil || m.State != store.Whole || len(m.Languages) != 2 || !m.AIDubbed {
		t.Errorf("%s, %v", text, err)
	}
	if st := r.Stats(); st.Segments != 11 || st.Dropped != 0 || st.Bytes == 0 {
		t.Errorf("%+v", st)
	}
}
