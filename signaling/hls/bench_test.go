package hls

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"livedub/inference"
	"livedub/internal/proc"
	"livedub/internal/testkit/noisetest"
	"livedub/media/hls"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/serving"
	"livedub/signaling/signalingtest"
)

const benchServer = "LIVEDUB_HLS_BENCH" // is set in the process that is measured

// edge is one language of a program of noise, whose rates are those of a call.
type edge struct{ *hls.Stream }

func (e edge) Session(id string) (signaling.Info, error) {
	return signaling.Info{ID: id, Epoch: signalingtest.Epoch(id)}, nil
}

func (e edge) Multivariant(context.Context, string, inference.Lang, func(inference.Lang) bool) (File, error) {
	return File{}, signaling.ErrNotFound
}

func (e edge) Playlist(ctx context.Context, _ string, _ inference.Lang, track string, at *Place) (File, error) {
	f, err := e.Rendition(track).Playlist(ctx, (*hls.Place)(at))
	return File(f), err
}

func (e edge) File(ctx context.Context, _ string, _ inference.Lang, track, name string) (File, error) {
	f, err := e.Rendition(track).File(ctx, name)
	return File(f), err
}

// serveForBench is the server of the benchmark, in a process of its own, which says its
// address and ends with its input.
func serveForBench() {
	e := edge{hls.New(time.Now(), func(time.Duration, time.Duration) []byte { return []byte("WEBVTT\n") })}
	s := New(Config{Programs: e})
	mux := http.NewServeMux()
	s.Register(mux)
	front := signaling.NewFront(signaling.FrontConfig{PerSecond: 50})
	srv := serving.NewServer(front.Guard(signalingtest.Access().Guard(mux)), slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	fmt.Printf("serves http://%s\n", l.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() { noise(ctx, e.Sink(true)) })
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark is over
	cancel()
	e.End()
	s.Close()
	srv.Close()
	wg.Wait()
}

// noise writes the program of noise, in the process that is measured.
func noise(ctx context.Context, sink *hls.Sink) {
	if err := sink.Start(noisetest.Tracks()); err != nil {
		panic(err)
	}
	if err := noisetest.Play(ctx, sink.Write); err != nil && ctx.Err() == nil {
		panic(err)
	}
}

// reader reads a track as a player of low latency does: the playlist as soon as it has
// another part, and that part.
type reader struct {
	at     string
	bytes  *atomic.Int64
	asked  *atomic.Int64
	client *http.Client
}

var hinted = regexp.MustCompile(`PRELOAD-HINT:TYPE=PART,URI="((?:video|audio)-(\d+)\.(\d+)\.m4s)"`)

func (r reader) run(ctx context.Context, track string) error {
	query := ""
	for {
		text, err := r.get(ctx, track+".m3u8"+query)
		if err != nil {
			return err
		}
		next := hinted.FindSubmatch(text)
		if next == nil {
			return fmt.Errorf("no hint in %s", text)
		}
		if parts := strings.Split(string(text), `#EXT-X-PART:DURATION=0.400,URI="`); len(parts) > 1 {
			name, _, _ := strings.Cut(parts[len(parts)-1], `"`)
			if _, err := r.get(ctx, name); err != nil {
				return err
			}
		}
		query = fmt.Sprintf("?_HLS_msn=%s&_HLS_part=%s", next[2], next[3])
	}
}

func (r reader) get(ctx context.Context, name string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", r.at+name, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r.bytes.Add(int64(len(text)))
	r.asked.Add(1)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%s: HTTP %d %s", name, resp.StatusCode, text)
	}
	return text, err
}

// BenchmarkViewers measures what viewers of 2 Mbit/s in low latency cost the server, which is
// a process of its own with all that stands before the endpoint. Each takes half a minute
// whatever -benchtime says. Figures are of the server: its CPU by viewer, in percent of a
// core, and by 2 Mbit/s that were delivered.
func BenchmarkViewers(b *testing.B) {
	for _, viewers := range []int{100, 1000} {
		b.Run(fmt.Sprint(viewers), func(b *testing.B) { benchViewers(b, viewers) })
	}
}

func benchViewers(b *testing.B, viewers int) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchServer+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	base := strings.TrimSpace(strings.TrimPrefix(line, "serves ")) + "/hls/talk~" + signalingtest.Token("talk", access.Watch, "") + "/es/"
	var bytes, asked atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * viewers}}
	if _, err := (reader{base, &bytes, &asked, client}).get(b.Context(), "video.m3u8"); err != nil {
		b.Fatal(err)
	}
	idle := cores(cmd.Process.Pid, 4*time.Second)
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	for range viewers {
		for _, track := range []string{"video", "audio"} {
			wg.Go(func() {
				if err := (reader{base, &bytes, &asked, client}).run(ctx, track); !errors.Is(err, context.Canceled) {
					b.Error(err)
				}
			})
		}
	}
	time.Sleep(5 * time.Second)
	before, sent := asked.Load(), bytes.Load()
	const window = 15 * time.Second
	used := cores(cmd.Process.Pid, window) - idle
	mbit := float64(bytes.Load()-sent) * 8 / 1e6 / window.Seconds()
	b.ReportMetric(100*used/float64(viewers), "%core/viewer")
	b.ReportMetric(100*used/(mbit/2), "%core/2Mbit")
	b.ReportMetric(mbit/float64(viewers), "Mbit/s/viewer")
	b.ReportMetric(float64(asked.Load()-before)/window.Seconds()/float64(viewers), "requests/s/viewer")
	b.ReportMetric(float64(proc.PeakRSS(cmd.Process.Pid))/1e6, "MB")
	cancel()
	wg.Wait()
	client.CloseIdleConnections()
	in.Close()
	_, _ = io.Copy(io.Discard, lines)
	if err := cmd.Wait(); err != nil {
		b.Error(err)
	}
}

// cores returns how much CPU a process uses for some time, 1 for one core.
func cores(pid int, d time.Duration) float64 {
	before, began := proc.CPU(pid), time.Now()
	time.Sleep(d)
	return (proc.CPU(pid) - before).Seconds() / time.Since(began).Seconds()
}
