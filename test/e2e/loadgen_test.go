package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
)

// quantiles are figures of the load generator's.
type quantiles struct {
	P50 float64 `json:"p50"`
	Max float64 `json:"max"`
	N   int     `json:"n"`
}

// loadLine is a line of the load generator's, by the names of the contract.
type loadLine struct {
	Event      string   `json:"event"`
	At         float64  `json:"at"`
	Role       string   `json:"role"`
	OK         bool     `json:"ok"`
	Error      string   `json:"error"`
	DelayMS    int      `json:"delay_ms"`
	ConnectMS  *float64 `json:"connect_ms"`
	FirstDubMS *float64 `json:"first_dub_ms"`
	Sent       struct {
		Frames int        `json:"frames"`
		LagMS  *quantiles `json:"lag_ms"`
	} `json:"sent"`
	Phrases struct {
		Said   *int `json:"said"`
		Heard  int  `json:"heard"`
		Played int  `json:"played"`
		Lost   *int `json:"lost"`
		Twice  int  `json:"twice"`
	} `json:"phrases"`
	Viewers []loadViewer `json:"viewers"`
	Started int          `json:"started"`
	Failed  int          `json:"failed"`
	Figures struct {
		GlassMS *quantiles `json:"glass_to_glass_ms"`
	} `json:"figures"`
}

// loadViewer is a viewer in a session's line.
type loadViewer struct {
	ConnectMS    *float64   `json:"connect_ms"`
	FirstFrameMS *float64   `json:"first_frame_ms"`
	Frames       int        `json:"frames"`
	Freezes      int        `json:"freezes"`
	Gaps         int        `json:"gaps"`
	Sounds       int        `json:"audio_packets"`
	Decoded      bool       `json:"decoded"`
	GlassMS      *quantiles `json:"glass_to_glass_ms"`
	AVOffsetMS   *quantiles `json:"av_offset_ms"`
	Twice        int        `json:"frames_twice"`
	Misread      int        `json:"frames_misread"`
}

func (v loadViewer) faults(delay float64) (out []string) {
	if v.ConnectMS == nil || *v.ConnectMS <= 0 || v.FirstFrameMS == nil || *v.FirstFrameMS < delay || v.Frames < 100 || v.Sounds < 200 || !v.Decoded {
		out = append(out, fmt.Sprintf("viewer %+v", v))
	}
	if v.GlassMS == nil || v.GlassMS.P50 < delay-5 || v.GlassMS.P50 > delay+250 || v.Twice > 0 {
		out = append(out, fmt.Sprintf("glass to glass %+v, %d frames twice", v.GlassMS, v.Twice))
	}
	if v.AVOffsetMS == nil || v.AVOffsetMS.N < 3 || math.Abs(v.AVOffsetMS.P50) > 45 {
		out = append(out, fmt.Sprintf("A/V offset %+v", v.AVOffsetMS))
	}
	return out
}

func (l loadLine) faults() (out []string) {
	const delay = 2000
	if !l.OK || l.DelayMS != delay || l.ConnectMS == nil || *l.ConnectMS <= 0 || l.Sent.Frames < 250 || l.Sent.LagMS == nil {
		out = append(out, fmt.Sprintf("session: %+v", l))
	}
	if l.FirstDubMS == nil || *l.FirstDubMS < delay || *l.FirstDubMS > delay+5000 {
		out = append(out, fmt.Sprintf("first dub %v", l.FirstDubMS))
	}
	if p := l.Phrases; p.Said == nil || *p.Said < 1 || p.Lost == nil || *p.Lost > *p.Said/2 || p.Played < 1 || p.Heard < p.Played || p.Twice > 0 {
		out = append(out, fmt.Sprintf("phrases %+v", p))
	}
	if len(l.Viewers) != 2 {
		out = append(out, fmt.Sprintf("%d viewers", len(l.Viewers)))
	}
	for _, v := range l.Viewers {
		out = append(out, v.faults(delay)...)
	}
	return out
}

// TestLoadgen has two speakers, each watched by two, on a real server: the lines
// of the load generator have their names and values that can be.
func TestLoadgen(t *testing.T) {
	s := serve(t, "--lips-engine", "off")
	dir := t.TempDir()
	for try := 1; ; try++ {
		load := groundtest.NewStrain(t)
		svg := filepath.Join(dir, "load.svg")
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "loadgen"), "--base", s.base, "--sessions", "2", "--viewers", "2", "--for", "12s",
			"--delay-ms", "2000", "--width", "320", "--height", "180", "--keep", filepath.Join(dir, "kept"), "--svg", svg)
		var table bytes.Buffer
		cmd.Stderr = &table
		out, err := cmd.Output()
		why, heavy := load.Heavy(t)
		var faults []string
		if err != nil {
			faults = append(faults, err.Error())
		}
		kinds := map[string]int{}
		for line := range strings.Lines(string(out)) {
			var l loadLine
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			kinds[l.Event+l.Role]++
			switch l.Event {
			case "session":
				faults = append(faults, l.faults()...)
			case "end":
				if l.Started != 2 || l.Failed != 0 || l.Figures.GlassMS == nil {
					faults = append(faults, fmt.Sprintf("the end: %+v", l))
				}
			}
		}
		if kinds["start"] != 1 || kinds["connectedspeaker"] != 2 || kinds["connectedviewer"] != 4 || kinds["session"] != 2 || kinds["end"] != 1 {
			faults = append(faults, fmt.Sprintf("lines: %v", kinds))
		}
		picture, readErr := os.ReadFile(svg)
		if readErr != nil || !bytes.Contains(picture, []byte("<polyline")) {
			faults = append(faults, fmt.Sprintf("the picture: %v", readErr))
		}
		t.Logf("%s\n%s", why, &table)
		if heavy && len(faults) > 0 && try < groundtest.Tries {
			t.Logf("once more, for the machine is busy with other things: %q", faults)
			continue
		}
		for _, f := range faults {
			t.Error(f)
		}
		break
	}
	if _, text := s.call(t, "GET", "/v1/sessions", "", nil); !strings.Contains(text, `"sessions":[]`) {
		t.Errorf("sessions are left: %s", text)
	}
}

// TestLoadgenInterrupted: a signal in the middle of a load by websocket ends it
// cleanly, with its figures and without leaving a session.
func TestLoadgenInterrupted(t *testing.T) {
	s := serve(t, fakes...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "loadgen"), "--base", s.base, "--ws", "--for", "10m", "--width", "320", "--height", "180", "--delay-ms", "500")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	cmd.Stderr = &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	var last loadLine
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = loadLine{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Errorf("%v: %s", err, lines.Text())
		}
		if last.Event == "first_frame" {
			_ = cmd.Process.Signal(syscall.SIGINT)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &told)
	}
	if last.Event != "end" || last.Started != 1 || last.Failed != 0 || !strings.Contains(told.String(), "1 of 1 started, 0 failed") {
		t.Errorf("%+v\n%s", last, &told)
	}
	if _, text := s.call(t, "GET", "/v1/sessions", "", nil); !strings.Contains(text, `"sessions":[]`) {
		t.Errorf("a session is left: %s", text)
	}
}
