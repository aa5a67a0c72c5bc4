package cmaf_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media/cmaf"
)

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		groundtest.Skip(t, "no %s: %v", name, err)
	}
	return path
}

// joined writes segments behind their init into one file.
func joined(t *testing.T, in cmaf.Init, segments ...cmaf.Segment) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "joined.mp4")
	data := bytes.Clone(in.Data)
	for _, s := range segments {
		data = append(data, s.Data...)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// playlist writes segments as HLS.
func playlist(t *testing.T, in cmaf.Init, segments ...cmaf.Segment) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("init.mp4", in.Data)
	var list strings.Builder
	fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"init.mp4\"\n")
	for _, s := range segments {
		name := fmt.Sprintf("%08d.m4s", s.N)
		put(name, s.Data)
		fmt.Fprintf(&list, "#EXTINF:%.5f,\n%s\n", s.Duration.Seconds(), name)
	}
	list.WriteString("#EXT-X-ENDLIST\n")
	put("index.m3u8", []byte(list.String()))
	return filepath.Join(dir, "index.m3u8")
}

// ran runs a program, which must have nothing to say.
func ran(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil || told.Len() > 0 {
		t.Fatalf("%s %v: %v: %s", name, args, err, told.String())
	}
	return out
}

// continuous checks that a file's packets follow one another without a gap.
func continuous(t *testing.T, path string, from, to time.Duration) {
	t.Helper()
	for kind, step := range map[string]float64{"v:0": 1. / fps, "a:0": 1024. / 48000} {
		out := ran(t, "ffprobe", "-v", "warning", "-select_streams", kind, "-show_packets", "-of", "json", path)
		var p struct {
			Packets []struct {
				PTS string `json:"pts_time"`
			}
		}
		if err := json.Unmarshal(out, &p); err != nil || len(p.Packets) == 0 {
			t.Fatalf("ffprobe: %d packets, %v", len(p.Packets), err)
		}
		last := from.Seconds() - step
		for i, p := range p.Packets {
			at, err := strconv.ParseFloat(p.PTS, 64)
			if err != nil {
				t.Fatal(err)
			}
			if d := at - last; (d < step/2 || d > step*1.5) && (i > 0 || d > 2*step) { // a track begins on its own grid
				t.Errorf("%s: from %.3f to %.3f", kind, last, at)
			}
			last = at
		}
		if last < to.Seconds()-2*step || last > to.Seconds() {
			t.Errorf("%s ends at %.3f, want %v", kind, last, to)
		}
	}
}

// marks decodes a file by ffmpeg and returns when it flashes and when it beeps, in
// the player's time.
func marks(t *testing.T, path string) (flashes, beeps []float64) {
	t.Helper()
	show := ran(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-fps_mode", "cfr", "-r", strconv.Itoa(fps), "-f", "rawvideo", "-pix_fmt", "gray", "-")
	dark := true
	for i := 0; (i+1)*w*h <= len(show); i++ {
		sum := 0
		for _, v := range show[i*w*h : (i+1)*w*h] {
			sum += int(v)
		}
		bright := sum/(w*h) > 140
		if bright && dark {
			flashes = append(flashes, float64(i)/fps)
		}
		dark = !bright
	}
	sound := ran(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-af", "aresample=async=1:min_hard_comp=0.001:first_pts=0", "-f", "s16le", "-ac", "1", "-ar", "48000", "-")
	quiet := -1 << 30
	for i := 0; 2*i+1 < len(sound); i++ {
		v := int16(binary.LittleEndian.Uint16(sound[2*i:]))
		if v > 3000 || v < -3000 {
			if i-quiet > 24000 {
				beeps = append(beeps, float64(i)/48000)
			}
			quiet = i
		}
	}
	return flashes, beeps
}

// inStep checks that sound and frames are together, n times.
func inStep(t *testing.T, path string, n int) {
	t.Helper()
	flashes, beeps := marks(t, path)
	if len(beeps) > n { // the last frame of sound hangs over
		beeps = beeps[:n]
	}
	if len(flashes) != n || len(beeps) != n {
		t.Fatalf("%d flashes at %v, %d beeps at %v, want %d", len(flashes), flashes, len(beeps), beeps, n)
	}
	for i, f := range flashes {
		// A decoder's answer to a tone begins a little before it.
		if d := beeps[i] - f; (d < -.005 || d > .005) && (f > 0 || d > .032) { // a decoder's first frame of sound fades in
			t.Errorf("it flashes at %.4f and beeps %.1f ms later", f, d*1000)
		}
		if i > 0 && (f-flashes[i-1] < .999 || f-flashes[i-1] > 1.001) {
			t.Errorf("it flashes at %.3f and at %.3f", flashes[i-1], f)
		}
	}
}

// TestPlays has ffmpeg play what was made: as one file and as a playlist, from its
// beginning and from any segment.
func TestPlays(t *testing.T) {
	p := newProgram(t, seconds(5.4), seconds(18.2))
	got := mux(t, p.tracks, p.packets)
	all := joined(t, got.inits[0], got.segments...)
	continuous(t, all, seconds(5.4), seconds(18.2))
	inStep(t, all, 13)
	inStep(t, playlist(t, got.inits[0], got.segments...), 13)
	continuous(t, playlist(t, got.inits[0], got.segments...), seconds(5.4), seconds(18.2))
	inStep(t, joined(t, got.inits[0], got.segments[1:]...), 11)
	inStep(t, playlist(t, got.inits[0], got.segments[2]), 4)
}

// TestTakesJoin: segments of two muxers, fed by encoders that have begun at other
// times, follow one another.
func TestTakesJoin(t *testing.T) {
	one := newProgram(t, seconds(2.2), seconds(13.1))
	other := newProgram(t, seconds(7.72), seconds(20))
	a, b := mux(t, one.tracks, one.packets), mux(t, other.tracks, other.packets)
	if !bytes.Equal(a.inits[0].Data, b.inits[0].Data) {
		t.Error("the initialization sections differ")
	}
	segments := append(a.segments[:3:3], b.segments[2:]...) // 0, 1, 2 of the one, 3, 4 of the other
	for i, s := range segments {
		if s.N != int64(i) {
			t.Fatalf("segment %d has place %d", i, s.N)
		}
	}
	path := joined(t, a.inits[0], segments...)
	continuous(t, path, seconds(2.2), seconds(20))
	inStep(t, path, 17)
	inStep(t, playlist(t, a.inits[0], segments...), 17)
}
