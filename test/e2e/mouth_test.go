package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// looks is what can be told of a frame that the fake engine may have painted.
type looks struct {
	bar   bool // black at the top of the left edge
	badge bool // white letters on a dark plate in the bottom right corner
}

func lookAt(f *media.Frame) (l looks) {
	top := 0
	for y := range f.Height / 16 {
		top += int(f.Y[y*f.YStride+8])
	}
	l.bar = top/(f.Height/16) < 40
	var white, plate int
	for y := f.Height - 24; y < f.Height-8; y++ {
		for _, v := range f.Y[y*f.YStride+f.Width-72:][:64] {
			switch {
			case v > 170:
				white++
			case v < 130:
				plate++
			}
		}
	}
	l.badge = white > 60 && plate > 400
	return l
}

// looks decodes what a watcher got.
func (w *watcher) looks(t *testing.T) (bars, badges, all int) {
	t.Helper()
	w.eachFrame(t, func(i int, _ received, f *media.Frame) {
		l := lookAt(f)
		all++
		if l.bar {
			bars++
		}
		if l.badge {
			badges++
		}
		if l.bar != l.badge {
			t.Errorf("frame %d: mouth made %v, badge %v", i, l.bar, l.badge)
		}
	})
	return bars, badges, all
}

// mouthInfo is what GET tells of a session's mouths.
type mouthInfo struct {
	ID        string
	Consent   bool
	ConsentAt string `json:"consent_at"`
	Badge     bool
	Dubs      map[string]struct {
		Ladder, Why, Lips string
		Frames            map[string]int
	}
}

// TestMouthsByConsentAndSwitch runs two live sessions of the fake engines side
// by side: one without consent, whose frames stay untouched, and one with,
// whose mouth is switched off and on.
func TestMouthsByConsentAndSwitch(t *testing.T) {
	s := serve(t, append([]string{"--lips-engine", "fake"}, fakes...)...)
	create := func(body string) string {
		var made mouthInfo
		if code, answer := s.call(t, "POST", "/v1/sessions", body, &made); code != 201 {
			t.Fatalf("%d %s", code, answer)
		}
		return made.ID
	}
	get := func(id string) (i mouthInfo) {
		s.call(t, "GET", "/v1/sessions/"+id, "", &i)
		return i
	}
	patch := func(id, body string, want int, text string) {
		t.Helper()
		if code, answer := s.call(t, "PATCH", "/v1/sessions/"+id, body, nil); code != want || !strings.Contains(answer, text) {
			t.Errorf("PATCH %s: %d %s, want %d with %q", body, code, answer, want, text)
		}
	}
	speech, err := testspeaker.Speak(t.Context(), nil, 700*time.Millisecond, testspeaker.Sentences...)
	if err != nil {
		t.Fatal(err)
	}
	yes, no := create(`{"from":"en","to":["es"],"delay_ms":3000,"consent":true}`), create(`{"from":"en","to":["es"],"delay_ms":3000}`)
	viewer := map[string]*watcher{}
	for _, id := range []string{yes, no} {
		tk, err := testspeaker.New(testspeaker.Config{Width: 320, Height: 180, FPS: testFPS, Speech: speech, Loop: true})
		if err != nil {
			t.Fatal(err)
		}
		src, err := testspeaker.NewSource(tk, testspeaker.SourceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		viewer[id] = watch(t, s, "/whep/"+id+"/es")
		publish(t, s, "/whip/"+id, src, nil)
	}
	until(t, "a mouth is made", func() bool { return get(yes).Dubs["es"].Frames["warp"] > 20 })
	if i := get(yes); !i.Consent || i.ConsentAt == "" || !i.Badge || i.Dubs["es"].Lips != "on" || i.Dubs["es"].Ladder != "lips" {
		t.Errorf("with consent: %+v", i)
	}
	if i := get(no); i.Consent || i.Dubs["es"].Lips != "no consent" || i.Dubs["es"].Ladder != "voice" || i.Dubs["es"].Why != "no recorded consent" {
		t.Errorf("without consent: %+v", i)
	}

	patch(yes, `{"dubs":{"es":{"lips":false}}}`, 200, `"lips":"off"`)
	off := get(yes).Dubs["es"]
	patch(no, `{"dubs":{"es":{"lips":true}}}`, 422, "consent")
	patch(yes, `{"dubs":{"fr":{"lips":true}}}`, 404, "es")
	patch(yes, `{"dubs":{"es":{"lips":"red"}}}`, 400, "true or false")
	patch("nobody", `{"dubs":{"es":{"lips":true}}}`, 404, "no such session")
	until(t, "frames go on", func() bool { return get(yes).Dubs["es"].Frames["out"] > off.Frames["out"]+2*testFPS })
	if d := get(yes).Dubs["es"]; d.Frames["warp"] > off.Frames["warp"]+5 || d.Ladder != "voice" || d.Why != "switched off" {
		t.Errorf("switched off at %+v, two seconds later %+v", off, d)
	}
	patch(yes, `{"dubs":{"es":{"lips":true}}}`, 200, `"lips":"on"`)
	until(t, "mouths are made again", func() bool { return get(yes).Dubs["es"].Frames["warp"] > off.Frames["warp"]+20 })

	bars, badges, all := viewer[yes].looks(t)
	t.Logf("with consent: %d of %d frames re-rendered, %d with the badge", bars, all, badges)
	if bars < 30 || bars > all-2*testFPS+10 {
		t.Errorf("%d of %d frames were re-rendered", bars, all)
	}
	if bars, badges, all := viewer[no].looks(t); bars+badges > 0 || all < 100 {
		t.Errorf("without consent %d of %d frames were re-rendered, %d carry a badge", bars, all, badges)
	}
	if f := get(no).Dubs["es"].Frames; f["warp"]+f["own"]+f["net"] > 0 || f["untouched"] < 100 {
		t.Errorf("without consent: %v", f)
	}
}

// TestMouthsInFiles dubs a file: the command line's word counts as consent, and the report tells.
func TestMouthsInFiles(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.mp4")
	bursts(t, in, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-pix_fmt", "yuv420p")
	for _, badge := range []string{"top-left", "off"} {
		out := filepath.Join(dir, badge)
		r := livedub(t, append([]string{"dub", in, "--to", "es", "-o", out, "--lips-engine", "fake", "--badge", badge}, fakes...)...)
		if r.code != 0 {
			t.Fatalf("exit %d: %s", r.code, r.stderr)
		}
		v := readReport(t, out)
		frames := v["frames"].(map[string]any)["es"].(map[string]any)
		ladder := v["ladder"].(map[string]any)["es"].(map[string]any)
		consent := v["consent"].(map[string]any)
		if frames["warp"].(float64) < 50 || frames["warp"].(float64)+frames["untouched"].(float64) != 225 || ladder["level"] != "lips" || ladder["lips"] != "on" {
			t.Errorf("frames %v, ladder %v", frames, ladder)
		}
		if consent["given"] != true || consent["at"] == nil || v["badge"] != (badge != "off") {
			t.Errorf("consent %v, badge %v", consent, v["badge"])
		}
		cpu := v["stage_cpu_ms"].(map[string]any)
		for _, stage := range []string{"face", "learn", "lips"} {
			if _, ok := cpu[stage]; !ok {
				t.Errorf("report.json lacks the CPU time of %s", stage)
			}
		}
	}
}
