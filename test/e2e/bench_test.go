package e2e

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/proc"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// tape is a source that was made beforehand, so that making it costs nothing while it is sent.
type tape struct {
	tracks  []media.Track
	packets []media.Packet

	mu    sync.Mutex
	sent  map[int]time.Time // when each frame was due, by its number; nil to forget
	shown int
	start time.Time
}

// sentAt returns when frame n was given to be sent.
func (t *tape) sentAt(n int) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.sent[n]
	return at, ok
}

// record has the drawn speaker film themselves, with bar codes and what else c wants.
func record(b testing.TB, c testspeaker.Config, length time.Duration) *tape {
	b.Helper()
	speech, err := testspeaker.Speak(b.Context(), nil, 700*time.Millisecond, testspeaker.Sentences...)
	if err != nil {
		b.Fatal(err)
	}
	c.FPS, c.Speech, c.Loop, c.BarCode = testFPS, speech, true, true
	tk, err := testspeaker.New(c)
	if err != nil {
		b.Fatal(err)
	}
	src, err := testspeaker.NewSource(tk, testspeaker.SourceConfig{Length: length, Bitrate: 2_000_000})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	t := &tape{tracks: src.Tracks()}
	for {
		p, err := src.Read(b.Context())
		if errors.Is(err, io.EOF) {
			return t
		}
		if err != nil {
			b.Fatal(err)
		}
		t.packets = append(t.packets, p)
	}
}

func (t *tape) Tracks() []media.Track { return t.tracks }
func (t *tape) Close() error          { return nil }
func (t *tape) Read(ctx context.Context) (media.Packet, error) {
	if len(t.packets) == 0 {
		<-ctx.Done()
		return media.Packet{}, ctx.Err()
	}
	p := t.packets[0]
	t.packets = t.packets[1:]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.start.IsZero() {
		t.start = time.Now()
	}
	if p.Kind == media.Video && t.sent != nil {
		t.sent[t.shown] = t.start.Add(p.PTS) // paced: it leaves when it is due
		t.shown++
	}
	return p, nil
}

// usage returns the CPU time that a process and its living children have used, and their peak memory in MB.
func usage(pid int) (cpu time.Duration, rss float64) {
	for _, p := range append(proc.Children(pid), pid) {
		cpu += proc.CPU(p)
		rss += float64(proc.PeakRSS(p)) / 1e6
	}
	return cpu, rss
}

// BenchmarkLive720p30 measures a server with one live session and one target,
// watched by one viewer and then by twenty. It takes 40 s whatever -benchtime says.
func BenchmarkLive720p30(b *testing.B) {
	const settle, window = 8 * time.Second, 10 * time.Second
	source := record(b, testspeaker.Config{Width: 1280, Height: 720}, 45*time.Second)
	s := serve(b)
	began := time.Now()
	publish(b, s, "/whip/call?from=en&to=es", source, nil)
	first := watch(b, s, "/whep/call/es")
	cores := func() float64 {
		before, _ := usage(s.cmd.Process.Pid)
		time.Sleep(window)
		after, _ := usage(s.cmd.Process.Pid)
		return (after - before).Seconds() / window.Seconds()
	}
	time.Sleep(settle)
	one := cores()
	var viewers []*watcher
	for range 19 {
		viewers = append(viewers, watch(b, s, "/whep/call/es"))
	}
	time.Sleep(settle / 2)
	twenty := cores()
	_, rss := usage(s.cmd.Process.Pid)

	first.mu.Lock()
	firstAt := first.video[0].at
	first.mu.Unlock()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(one, "cores/1-viewer")
	b.ReportMetric(twenty-one, "more-cores/20-viewers")
	b.ReportMetric(rss, "MB-peak")
	b.ReportMetric(float64(firstAt.Sub(began).Milliseconds()), "ms-to-first-frame")
	for i, w := range viewers {
		w.mu.Lock()
		if len(w.video) < 200 {
			b.Errorf("viewer %d saw %d frames", i, len(w.video))
		}
		w.mu.Unlock()
	}
	load, _ := os.ReadFile("/proc/loadavg")
	if l, err := strconv.ParseFloat(strings.Fields(string(load))[0], 64); err == nil {
		b.ReportMetric(l, "machine-load")
	}
}
