package e2e

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// benchDelay is D of the sessions that doors are measured by, ms.
const benchDelay = 2000

// BenchmarkDoors measures how long a frame takes from an encoder's input to a viewer by
// WHEP, by the bar codes in it, through each door. ffmpeg hands a frame on when the next
// begins, 33 ms later, which counts for RTMP and SRT.
func BenchmarkDoors(b *testing.B) {
	t := record(b, testspeaker.Config{Width: 640, Height: 360}, 20*time.Second)
	s := serve(b, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0", "--srt-listen", "127.0.0.1:0"})...)
	query := fmt.Sprintf("from=en&to=es&consent=true&delay_ms=%d", benchDelay)
	for _, door := range []struct {
		name string
		to   []string // of ffmpeg; nil for WHIP
	}{
		{"whip", nil},
		{"rtmp", []string{"-f", "flv", "rtmp://" + s.addr(b, "rtmp") + "/live/rtmp?" + query}},
		{"srt", []string{"-f", "mpegts", "srt://" + s.addr(b, "srt") + "?latency=120000&streamid=publish:srt%3F" + "from%3Den%26to%3Des%26consent%3Dtrue%26delay_ms%3D" + fmt.Sprint(benchDelay)}},
	} {
		b.Run(door.name, func(b *testing.B) {
			for range b.N {
				tp := &tape{tracks: t.tracks, packets: t.packets, sent: map[int]time.Time{}}
				if door.to == nil {
					publish(b, s, "/whip/whip?"+query, tp, nil)
				} else {
					pour(b, tp, door.to...)
				}
				until(b, "the session is there", func() bool {
					code, _ := s.call(b, "GET", "/v1/sessions/"+door.name, "", nil)
					return code == 200
				})
				w := watch(b, s, "/whep/"+door.name+"/es")
				time.Sleep(15 * time.Second)
				var late []float64
				w.eachFrame(b, func(_ int, u received, f *media.Frame) {
					if n, ok := testspeaker.ReadBar(f); ok {
						if at, ok := tp.sentAt(int(n)); ok {
							late = append(late, float64(u.at.Sub(at).Microseconds())/1000)
						}
					}
				})
				if len(late) < 60 {
					b.Fatalf("%d frames", len(late))
				}
				late = slices.Sorted(slices.Values(late[len(late)/2:])) // settled
				b.ReportMetric(late[len(late)/2]-benchDelay, "ms-beyond-D-p50")
				b.ReportMetric(late[len(late)*95/100]-benchDelay, "ms-beyond-D-p95")
			}
		})
	}
}

// pour has ffmpeg pass a tape's frames on as they come, with a silent sound.
func pour(b *testing.B, tp *tape, to ...string) {
	b.Helper()
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(b, "no ffmpeg")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, slices.Concat([]string{"-hide_banner", "-loglevel", "error", "-fflags", "nobuffer", "-probesize", "100000", "-analyzeduration", "0",
		"-framerate", fmt.Sprint(testFPS), "-f", "h264", "-i", "pipe:0", "-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono",
		"-c:v", "copy", "-c:a", "aac", "-flush_packets", "1", "-muxdelay", "0"}, to)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		feed(ctx, tp, in)
		in.Close()
		_ = cmd.Wait() // it is ended, or has ended
	}()
	b.Cleanup(func() {
		cancel()
		<-done
	})
}

// feed writes a tape's frames when they are due.
func feed(ctx context.Context, tp *tape, to io.Writer) {
	start := time.Now()
	n := 0
	for _, p := range tp.packets {
		if p.Kind != media.Video {
			continue
		}
		select {
		case <-time.After(time.Until(start.Add(p.DTS))):
		case <-ctx.Done():
			return
		}
		tp.mu.Lock()
		tp.sent[n] = time.Now()
		tp.mu.Unlock()
		n++
		if _, err := to.Write(p.Data); err != nil {
			return
		}
	}
}
