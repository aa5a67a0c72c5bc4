package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
)

// probed is what ffprobe tells of a file.
type probed struct {
	Streams []struct {
		Index         int
		CodecName     string `json:"codec_name"`
		Width, Height int
		SampleRate    string `json:"sample_rate"`
		Channels      int
		Extradata     string
	}
	Packets []struct {
		Stream  int    `json:"stream_index"`
		PTSTime string `json:"pts_time"`
		DTSTime string `json:"dts_time"`
		Flags   string
		Data    string
	}
}

// demux reads the first stream of kind ("v", "a") of a file through ffprobe, at most seconds of it.
func demux(t testing.TB, path, kind string, seconds int) (media.Track, []media.Packet) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", kind+":0", "-read_intervals", "%+"+strconv.Itoa(seconds),
		"-show_streams", "-show_packets", "-show_data", "-of", "json", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	var p probed
	if err := json.Unmarshal(out, &p); err != nil || len(p.Streams) != 1 {
		t.Fatalf("ffprobe %s: %d streams, %v", path, len(p.Streams), err)
	}
	s := p.Streams[0]
	rate, _ := strconv.Atoi(s.SampleRate)
	track := media.Track{
		Codec: media.Codec(s.CodecName), Extradata: undump(t, s.Extradata),
		Width: s.Width, Height: s.Height, SampleRate: rate, Channels: s.Channels,
	}
	last := time.Duration(0)
	var packets []media.Packet
	for _, k := range p.Packets {
		if k.PTSTime != "" {
			last = seconds9(t, k.PTSTime)
		}
		packets = append(packets, media.Packet{
			PTS: last, DTS: last, Key: strings.HasPrefix(k.Flags, "K"), Data: undump(t, k.Data),
		})
	}
	return track, packets
}

func seconds9(t testing.TB, s string) time.Duration {
	t.Helper()
	return must[time.Duration](t)(time.ParseDuration(s + "s"))
}

// undump reads ffprobe's hex dump: "00000000: 0011 2233 ...  text" a line.
func undump(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\n"); len(line) < 50 {
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(line[10:50], " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, b...)
	}
	return out
}

// ffmpeg encodes n frames of paint (w by h, 25 per second) with args to a file named name.
func ffmpeg(t testing.TB, w, h, n int, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is not installed: make deps")
	}
	var raw bytes.Buffer
	for i := range n {
		f := paint(w, h, i)
		raw.Write(f.Y)
		raw.Write(f.U)
		raw.Write(f.V)
		f.Release()
	}
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p",
		"-s", strconv.Itoa(w) + "x" + strconv.Itoa(h), "-r", "25", "-i", "-"}, args...), path)...)
	cmd.Stdin = &raw
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "Unknown encoder") {
			groundtest.Skip(t, "this ffmpeg lacks the encoder: %s", out)
		}
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return path
}

// ffmpegLavfi encodes what libavfilter's source draws with args to a file named name.
func ffmpegLavfi(t testing.TB, source, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is not installed: make deps")
	}
	path := filepath.Join(t.TempDir(), name)
	args = append(append([]string{"-v", "error", "-y", "-f", "lavfi", "-i", source}, args...), path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return path
}

// ffmpegSound encodes s with args to a file named name.
func ffmpegSound(t testing.TB, s media.Samples, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is not installed: make deps")
	}
	raw := make([]byte, 0, 2*len(s.Data))
	for _, v := range s.Data {
		raw = append(raw, byte(v), byte(v>>8))
	}
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-y", "-f", "s16le",
		"-ar", strconv.Itoa(s.Rate), "-ac", strconv.Itoa(s.Channels), "-i", "-"}, args...), path)...)
	cmd.Stdin = bytes.NewReader(raw)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return path
}

// clips lists the recordings beside the repository that match pattern.
func clips(t testing.TB, pattern string) []string {
	t.Helper()
	return groundtest.SharedAll(t, "clips/"+pattern)
}
