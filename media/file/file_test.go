package file

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ffmpeg runs the ffmpeg command and fails the test if it does.
func ffmpeg(t testing.TB, args ...string) string {
	t.Helper()
	return command(t, "ffmpeg", append([]string{"-y", "-nostdin", "-v", "error", "-threads", "1"}, args...)...)
}

func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: run `make deps`", err)
	}
	var out, errs strings.Builder
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// Moving frames and a tone, for ffmpeg's command line.
func frames(seconds string) []string {
	return []string{"-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=" + seconds}
}

func tone(seconds string) []string {
	return []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=" + seconds}
}

var (
	x264     = []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25"}
	x264b    = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p", "-g", "25"}
	aac      = []string{"-c:a", "aac", "-b:a", "64k"}
	twoTrack = cat(frames("2"), tone("2"))
)

func cat(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// makeFile runs ffmpeg with args and returns the path of the file name that it wrote.
func makeFile(t testing.TB, name string, args ...[]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	ffmpeg(t, append(cat(args...), path)...)
	return path
}

// probed is what ffprobe tells of a file.
type probed struct {
	Streams []struct {
		Index     int
		CodecType string `json:"codec_type"`
		StartTime string `json:"start_time"`
		Duration  string
	}
	Format struct {
		StartTime string `json:"start_time"`
		Duration  string
	}
	Packets []probedPacket
}

type probedPacket struct {
	CodecType string `json:"codec_type"`
	Index     int    `json:"stream_index"`
	PTS       string `json:"pts_time"`
	DTS       string `json:"dts_time"`
	Duration  string `json:"duration_time"`
	Size      string
	Flags     string
	SideData  []struct {
		Type  string `json:"side_data_type"`
		Start int    `json:"skip_samples"`
		End   int    `json:"discard_padding"`
	} `json:"side_data_list"`
}

func probe(t testing.TB, path string) probed {
	t.Helper()
	var p probed
	out := command(t, "ffprobe", "-v", "error", "-show_packets", "-show_streams", "-show_format", "-of", "json", path)
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// of returns the packets of one kind.
func (p probed) of(k media.Kind) []probedPacket {
	var all []probedPacket
	for _, x := range p.Packets {
		if x.CodecType == k.String() {
			all = append(all, x)
		}
	}
	return all
}

// seconds parses ffprobe's decimal seconds, exact to its microsecond.
func seconds(t testing.TB, s string) time.Duration {
	t.Helper()
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		t.Fatalf("time %q: %v", s, err)
	}
	return time.Duration(f*1e6+copysign(0.5, f)) * time.Microsecond
}

func copysign(v, sign float64) float64 {
	if sign < 0 {
		return -v
	}
	return v
}

// near tells whether a and b agree within ffprobe's rounding.
func near(a, b time.Duration) bool { return (a - b).Abs() <= 2*time.Microsecond }

// readAll reads path to its end.
func readAll(t testing.TB, path string) (*Source, []media.Packet) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, drainSource(t, s)
}

func drainSource(t testing.TB, s media.Source) []media.Packet {
	t.Helper()
	var all []media.Packet
	for {
		p, err := s.Read(context.Background())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func ofKind(all []media.Packet, k media.Kind) []media.Packet {
	var some []media.Packet
	for _, p := range all {
		if p.Kind == k {
			some = append(some, p)
		}
	}
	return some
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fields splits ffprobe's CSV output, of one column, into values.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == ',' || r == ' ' })
}
