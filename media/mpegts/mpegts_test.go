package mpegts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/pushtest"
	"livedub/media"
	"livedub/media/intake"
	"livedub/media/pace"
)

// instant is a clock on which waiting takes no time.
type instant struct {
	mu  sync.Mutex
	now time.Duration
}

func (c *instant) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *instant) Wait(ctx context.Context, t time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = max(c.now, t)
	return ctx.Err()
}

func (c *instant) Advance(time.Duration)        {}
func (c *instant) Live() bool                   { return true }
func (c *instant) Hold(time.Duration) pace.Hold { return held{c} }

type held struct{ *instant }

func (held) Release() {}

// films are written once.
var films sync.Map

// written has ffmpeg write a film of three seconds.
func written(t testing.TB, args ...string) []byte {
	t.Helper()
	key := filepath.Join(args...)
	if b, ok := films.Load(key); ok {
		return b.([]byte)
	}
	path := filepath.Join(t.TempDir(), "film.ts")
	input := slices.DeleteFunc(slices.Clone(pushtest.Film), func(a string) bool { return a == "-re" })
	pushtest.FFmpegRun(t, slices.Concat(input, args, []string{"-pix_fmt", "yuv420p", "-f", "mpegts", path})...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	films.Store(key, b)
	return b
}

// messages reads as SRT does: seven packets at a time.
type messages struct{ left []byte }

func (m *messages) Read(p []byte) (int, error) {
	if len(m.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 7*packetSize)], m.left)
	m.left = m.left[n:]
	return n, nil
}

// read takes a stream in, and returns how that ended.
func read(stream []byte) (*intake.Source, error) {
	out := intake.New(&instant{now: 10 * time.Second}, Rate, func() error { return nil })
	err := Read(context.Background(), &messages{stream}, out)
	out.End()
	return out, err
}

// packetsOf returns all that came.
func packetsOf(t *testing.T, s *intake.Source) (out []media.Packet) {
	t.Helper()
	for {
		p, err := s.Read(t.Context())
		if err != nil {
			return out
		}
		out = append(out, p)
	}
}

var reordered = []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-c:a", "aac"}

// TestCodecs: what broadcasters send can be decoded, AC-3 too, with B-frames in order.
func TestCodecs(t *testing.T) {
	for _, c := range []struct {
		video, audio media.Codec
		args         []string
	}{
		{media.H264, media.AAC, reordered},
		{media.H264, "ac3", []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "ac3"}},
		{media.H264, "eac3", []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "eac3"}},
		{media.HEVC, media.Opus, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25", "-c:a", "libopus"}},
		{"mpeg2video", media.MP3, []string{"-c:v", "mpeg2video", "-bf", "0", "-c:a", "mp2"}},
	} {
		s, err := read(written(t, c.args...))
		if err != nil {
			t.Errorf("%s: %v", c.audio, err)
		}
		got := pushtest.Drain(t, s)
		if v, a := got.Codecs(); v != c.video || a != c.audio {
			t.Errorf("%+v", got)
		}
		if got.Frames < 73 || got.Failures != 0 || got.Back != 0 || got.Sound < 2800*time.Millisecond || (got.SoundFrom-got.First).Abs() > 150*time.Millisecond || s.Frozen() != 0 {
			t.Errorf("%s and %s: %+v", c.video, c.audio, got)
		}
	}
}

// TestTorn: after packets were lost no frame comes that lacks something, until a keyframe,
// which says that there is a gap.
func TestTorn(t *testing.T) {
	whole := written(t, reordered...)
	for _, lost := range []int{1, 7, 15, 60} {
		at := len(whole) / 2 / packetSize * packetSize
		s, err := read(slices.Concat(whole[:at], whole[at+lost*packetSize:]))
		if err != nil {
			t.Error(err)
		}
		gaps, frames, fresh := 0, 0, false
		for _, p := range packetsOf(t, s) {
			if p.Kind != media.Video {
				continue
			}
			frames++
			if p.Gap {
				gaps++
				fresh = p.Key
			}
		}
		if gaps != 1 || !fresh || lost < 20 && s.Frozen() == 0 || frames+int(s.Frozen()) > 75 || frames < 40 {
			t.Errorf("%d packets lost: %d gaps, at a keyframe: %v, %d frames, %d frozen", lost, gaps, fresh, frames, s.Frozen())
		}
		if s, err = read(slices.Concat(whole[:at], whole[at+lost*packetSize:])); err != nil {
			t.Error(err)
		}
		if got := pushtest.Drain(t, s); got.Failures > 1 { // of the sound
			t.Errorf("%d packets lost: %+v", lost, got)
		}
	}
}

// TestTimes: times that wrap go on, and a stream that begins anew does so in the present.
func TestTimes(t *testing.T) {
	wraps := written(t, slices.Concat(reordered, []string{"-output_ts_offset", "95442.2"})...)
	whole := written(t, reordered...)
	for name, c := range map[string]struct {
		stream []byte
		frames int
		jumps  int
	}{
		"wraps":     {wraps, 75, 0},
		"twice":     {slices.Concat(whole, whole), 148, 1},
		"far ahead": {slices.Concat(whole, wraps), 148, 1},
	} {
		s, err := read(c.stream)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		last, frames := time.Duration(-1), 0
		for _, p := range packetsOf(t, s) {
			if p.Kind != media.Video {
				continue
			}
			if last >= 0 && (p.DTS < last || p.DTS > last+time.Second) {
				t.Errorf("%s: %v after %v", name, p.DTS, last)
			}
			last = p.DTS
			frames++
		}
		if frames < c.frames-2 || s.Jumps() != c.jumps {
			t.Errorf("%s: %d frames, %d jumps", name, frames, s.Jumps())
		}
	}
}

// TestTooMuch: what is no stream, or too much of one, ends the reading.
func TestTooMuch(t *testing.T) {
	begin := bytes.Repeat([]byte{0xff}, packetSize)
	copy(begin, []byte{syncByte, 0x40, 0x11, 0x10})
	more := slices.Clone(begin)
	more[1] = 0
	var endless []byte
	for i := range mostUnit/packetSize + 1 {
		p := slices.Clone(more)
		if i == 0 {
			p = slices.Clone(begin)
		}
		p[3] = 0x10 | byte(i)&0xf
		endless = append(endless, p...)
	}
	for name, stream := range map[string][]byte{
		"no packets": make([]byte, mostUnit+2*packetSize), "a unit without end": endless,
	} {
		if s, err := read(stream); !errors.Is(err, ErrProtocol) || len(s.Tracks()) != 0 {
			t.Errorf("%s: %v, %v", name, err, s.Tracks())
		}
	}
	b := newBound(nil)
	for pid := range 4 * mostPIDs {
		p := slices.Clone(begin)
		p[1], p[2] = 0x40|byte(pid>>8), byte(pid)
		if _, err := b.packet(p); err != nil {
			t.Error(err)
		}
	}
	if len(b.units) > mostPIDs || len(b.tears) > mostPIDs {
		t.Errorf("%d PIDs are held", len(b.units))
	}
}

func FuzzRead(f *testing.F) {
	if film := written(f, reordered...); len(film) > 0 {
		f.Add(film[:120*packetSize], uint16(20), uint16(9))
	}
	f.Add([]byte{syncByte}, uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, stream []byte, cut, lost uint16) {
		if len(stream) > 1<<20 {
			return
		}
		from := min(int(cut)*packetSize, len(stream))
		s, _ := read(slices.Concat(stream[:from], stream[min(from+int(lost), len(stream)):]))
		for _, p := range packetsOf(t, s) {
			if len(p.Data) == 0 || p.PTS < p.DTS || p.PTS-p.DTS > 5*time.Second {
				t.Fatalf("%d bytes, shown at %v, decoded at %v", len(p.Data), p.PTS, p.DTS)
			}
		}
	})
}
