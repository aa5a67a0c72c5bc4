package pushtest

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/media"
)

// Receiver is an ffmpeg that receives a stream and writes it to a file as it comes.
type Receiver struct {
	Path string // of the film, in Matroska

	cmd  *exec.Cmd
	out  bytes.Buffer
	kill context.CancelFunc
	end  sync.Once
	err  error
}

// Receive has ffmpeg receive from url, which it listens at by the options in args.
func Receive(t testing.TB, url string, args ...string) *Receiver {
	t.Helper()
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(t, "no ffmpeg")
	}
	r := &Receiver{Path: filepath.Join(t.TempDir(), "received.mkv")}
	ctx, kill := context.WithCancel(context.Background())
	r.kill = kill
	all := append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-copyts"}, args...)
	r.cmd = exec.CommandContext(ctx, bin, append(all, "-i", url, "-map", "0", "-c", "copy", "-copyts", r.Path)...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kill)
	return r
}

// Wait waits until the stream has ended, for d at most, and returns what ffmpeg said.
func (r *Receiver) Wait(d time.Duration) string {
	stop := time.AfterFunc(d, r.kill)
	defer stop.Stop()
	r.wait()
	return r.out.String()
}

// Kill ends ffmpeg as if its machine failed.
func (r *Receiver) Kill() {
	r.kill()
	r.wait()
}

func (r *Receiver) wait() { r.end.Do(func() { r.err = r.cmd.Wait(); r.kill() }) }

// FreePort returns a port of 127.0.0.1 that nobody listens at, of tcp or udp.
func FreePort(t testing.TB, network string) string {
	t.Helper()
	var addr net.Addr
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		addr = c.LocalAddr()
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addr = l.Addr()
	}
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}

// Play writes what src gives in real time, or faster by times, until its end.
func Play(t testing.TB, src media.Source, times float64, write func(media.Packet) error) {
	t.Helper()
	began := time.Now()
	for {
		p, err := src.Read(t.Context())
		if err != nil {
			return // its end
		}
		time.Sleep(time.Until(began.Add(time.Duration(float64(p.DTS) / times))))
		if err := write(p); err != nil {
			t.Fatal(err)
		}
	}
}
