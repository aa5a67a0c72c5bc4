package cluster

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/clusterrig"
	"livedub/internal/testkit/groundtest"
)

var rtmpAddr = regexp.MustCompile(`encoders may publish.*protocol=rtmp addr=(\S+)`)

// encoder is an ffmpeg that publishes by RTMP.
type encoder struct {
	cancel context.CancelFunc
	gone   chan struct{}
	out    bytes.Buffer
	err    error
}

// encode has ffmpeg publish a test picture and a tone at a node, until stop.
func encode(t *scene, n *clusterrig.Node, path string) *encoder {
	t.Helper()
	bin, err := exec.LookPath("ffmpeg")
	if err != nil {
		groundtest.Need(t.T, "no ffmpeg")
	}
	at := rtmpAddr.FindStringSubmatch(n.Printed())
	if at == nil {
		t.Fatalf("%s takes no RTMP: %s", n.Name, n.Printed())
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &encoder{cancel: cancel, gone: make(chan struct{})}
	cmd := exec.CommandContext(ctx, bin, "-hide_banner", "-nostdin", "-loglevel", "error",
		"-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=15:duration=120", "-re", "-f", "lavfi", "-i", "sine=frequency=440:duration=120",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", "rtmp://"+at[1]+"/live/"+path)
	cmd.Stdout, cmd.Stderr = &e.out, &e.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.gone)
		e.err = cmd.Wait()
	}()
	t.Cleanup(e.stop)
	return e
}

func (e *encoder) stop() {
	e.cancel()
	<-e.gone
}

// session is what a gateway, or a node, tells of one.
type session struct{ Epoch, State string }

func tells(t *scene, r *clusterrig.Rig, base, id string) (s session, status int) {
	t.Helper()
	status, err := r.Get(t.Context(), base+"/v1/sessions/"+id, &s)
	if err != nil {
		return session{}, 0
	}
	return s, status
}

// TestDoors: an encoder publishes at whatever node it comes to. The session is that
// node's, gateways find it there, a second publisher is refused at any node, and who
// comes back at another node goes on in the same session, which comes along.
func TestDoors(t *testing.T) {
	play(t, func(t *scene) {
		r := start(t, clusterrig.Config{Nodes: 3, Args: []string{"--rtmp-listen", "127.0.0.1:0"}})
		const path = "show?from=en&to=es&consent=true"
		for _, n := range r.Nodes {
			until(t, "the node serves", 30*time.Second, func() bool { return r.State(t.Context(), n) == "serving" })
		}
		first := encode(t, r.Nodes[0], path)
		var made session
		until(t, "the session is live", 30*time.Second, func() bool {
			made, _ = tells(t, r, r.Base, "show")
			return made.State == "live"
		})
		if h := r.Holder(t.Context(), "show"); h != r.Nodes[0] {
			t.Fatalf("held by %v", h)
		}
		for _, n := range r.Nodes {
			second := encode(t, n, path)
			select {
			case <-second.gone:
			case <-time.After(30 * time.Second):
				t.Fatalf("at %s a second publisher is taken", n.Name)
			}
			if second.err == nil || !strings.Contains(second.out.String(), "a live publisher is there already") {
				t.Errorf("at %s a second publisher: %v: %s", n.Name, second.err, second.out.String())
			}
		}
		first.stop()
		until(t, "the session waits", 30*time.Second, func() bool {
			s, _ := tells(t, r, r.Base, "show")
			return s.State == "idle"
		})
		encode(t, r.Nodes[1], path)
		until(t, "the session goes on at another node", 40*time.Second, func() bool {
			s, _ := tells(t, r, r.Base, "show")
			return s.State == "live" && s.Epoch == made.Epoch && r.Holder(t.Context(), "show") == r.Nodes[1]
		})
		until(t, "the node before lets it go", 30*time.Second, func() bool {
			_, there := r.Holds(t.Context(), r.Nodes[0], "show")
			return !there
		})
	})
}
