package push

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"livedub/internal/proc"
	"livedub/internal/testkit/noisetest"
	"livedub/media"
	"livedub/media/pace"
	"livedub/media/rtmp"
	"livedub/media/srt"
	"livedub/session/spec"
)

const benchAddress = "LIVEDUB_PUSH_BENCH" // where the process that is measured sends to

// sendForBench is the process that is measured: it sends a program of noise on, once more
// for each line of its input, until that ends.
func sendForBench(url string) {
	c := &call{}
	n := Network{
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		},
		Find: func(_ context.Context, addr string) (netip.AddrPort, error) { return netip.ParseAddrPort(addr) },
	}
	p := New(Config{Connect: n.Connect})
	src := c.source()
	src.attach = func(_ string, s media.Sink) (func(), error) {
		if err := s.Start(noisetest.Tracks()); err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sinks = append(c.sinks, s)
		return func() {}, nil
	}
	end := p.begin(src, nil, func([]spec.Output) {})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.noise(ctx) })
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if _, err := p.Add(ctx, "talk", strings.ReplaceAll(url, "N", in.Text()), []string{"es"}); err != nil {
			panic(err)
		}
	}
	end()
	cancel()
	wg.Wait()
}

// noise writes the program of noise to all sinks that there are.
func (c *call) noise(ctx context.Context) {
	_ = noisetest.Play(ctx, func(k media.Packet) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.sinks {
			_ = s.Write(k)
		}
		return nil
	})
}

// BenchmarkOutputs measures what a further output of 2 Mbit/s costs the process that sends
// it: its CPU by output, in percent of a core, without the encode, which all share. Each
// takes half a minute whatever -benchtime says.
func BenchmarkOutputs(b *testing.B) {
	for _, protocol := range []string{"rtmp", "srt"} {
		b.Run(protocol, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			url, received, over := receiveForBench(ctx, b, protocol)
			benchOutputs(b, url, received)
			cancel()
			over()
		})
	}
}

func benchOutputs(b *testing.B, url string, received *atomic.Uint64) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchAddress+"="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	cores := func(d time.Duration) float64 {
		before, began := proc.CPU(cmd.Process.Pid), time.Now()
		time.Sleep(d)
		return (proc.CPU(cmd.Process.Pid) - before).Seconds() / time.Since(began).Seconds()
	}
	const window = 12 * time.Second
	cores(time.Second)
	idle := cores(window / 2)
	for i := range Most {
		fmt.Fprintln(in, i)
	}
	cores(6 * time.Second)
	came := received.Load()
	used := cores(window) - idle
	mbit := float64(received.Load()-came) * 8 / 1e6 / window.Seconds()
	b.ReportMetric(100*used/Most, "%core/output")
	b.ReportMetric(100*used/(mbit/2), "%core/2Mbit")
	b.ReportMetric(mbit/Most, "Mbit/s/output")
	b.ReportMetric(float64(proc.PeakRSS(cmd.Process.Pid))/1e6, "MB")
	in.Close()
	if err := cmd.Wait(); err != nil {
		b.Error(err)
	}
}

// receiveForBench takes all streams of a protocol and counts what comes, until ctx ends; over waits for that.
func receiveForBench(ctx context.Context, b *testing.B, protocol string) (url string, received *atomic.Uint64, over func()) {
	b.Helper()
	received = &atomic.Uint64{}
	drain := func(p media.Source, err error) {
		if err != nil {
			b.Error(err)
			return
		}
		defer p.Close()
		for {
			k, err := p.Read(ctx)
			if err != nil {
				return
			}
			received.Add(uint64(len(k.Data)))
		}
	}
	failed := func(_ netip.Addr, err error) { b.Log(err) }
	var wg sync.WaitGroup
	if protocol == "rtmp" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := &rtmp.Server{Failed: failed, Serve: func(_ context.Context, c *rtmp.Conn) { p, err := c.Publish(pace.NewWall()); drain(p, err) }}
		wg.Go(func() { _ = s.Run(ctx, l) })
		return "rtmp://" + l.Addr().String() + "/live/N", received, wg.Wait
	}
	l, err := srt.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &srt.Server{Most: 2 * Most, Failed: failed, Serve: func(_ context.Context, c *srt.Conn) { p, err := c.Publish(pace.NewWall()); drain(p, err) }}
	wg.Go(func() { _ = s.Run(ctx, l) })
	return "srt://" + l.Addr().String() + "?streamid=publish:N", received, wg.Wait
}
