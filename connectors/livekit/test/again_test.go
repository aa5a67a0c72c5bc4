package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
)

// TestLiveKitRestarts: LiveKit is killed and started anew; the dub comes back.
func TestLiveKitRestarts(t *testing.T) {
	s := play(t, "--room", "demo")
	come := func(suffix string) (*person, *person) {
		ana := s.come(t, "demo", "ana"+suffix, map[string]string{"livedub.consent": "true"})
		ana.speak(t, false)
		return ana, s.come(t, "demo", "ben"+suffix, map[string]string{"livedub.lang": "es"})
	}
	ana, ben := come("")
	eventually(t, "Ben hears Ana", ben.hears("ana-es"))
	if err := s.livekit.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.livekit.cmd.Wait() // it says that it was killed
	ana.leave()
	ben.leave()
	s.livekit.again(t)
	eventually(t, "LiveKit answers", answers(strings.Replace(s.url, "ws", "http", 1)))
	_, ben = come("2")
	eventually(t, "after LiveKit's restart Ben hears Ana", ben.hears("ana2-es"))
	eventually(t, "livedub keeps no session of before", func() bool { return s.sessions(t) == 1 })
}

// TestLivedubRestarts: livedub is killed in the middle of a call and started anew; the dub
// comes back by itself, and nobody joins again.
func TestLivedubRestarts(t *testing.T) {
	s := play(t, "--room", "demo")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, true)
	ben := s.come(t, "demo", "ben", map[string]string{"livedub.lang": "es", "livedub.video": "true"})
	eventually(t, "Ben hears and sees Ana", func() bool { return ben.seen("ana-es") > 50 && ben.ear("ana-es", "audio") != nil })
	if err := s.livedub.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.livedub.cmd.Wait() // it says that it was killed
	eventually(t, "the dub that has stopped is taken back", ben.ended("ana-es"))
	eventually(t, "and everybody sees why", func() bool {
		state, ok := ben.state()
		return ok && strings.HasPrefix(state.Speakers["ana"].State, "not dubbed now: ")
	})
	hints := ben.count(`"gain":0`)
	s.livedub.again(t)
	s.serves(t)
	eventually(t, "Ben hears Ana again", ben.hears("ana-es"))
	eventually(t, "and sees her", func() bool { return ben.seen("ana-es") > 50 })
	eventually(t, "and is told again", func() bool { return ben.count(`"gain":0`) > hints })
	eventually(t, "she is shown as dubbed", ben.sees("ana", "dubbed"))
	if n := s.sessions(t); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// cluster is two nodes behind a gateway, and the process of the node that has a session.
func cluster(t *testing.T) (*scene, func() *process) {
	t.Helper()
	s := &scene{}
	gateway, redis := need(t, "LIVEDUB_GATEWAY"), fmt.Sprintf("127.0.0.1:%d", port(t))
	_, redisPort, _ := strings.Cut(redis, ":")
	start(t, "redis-server", "--port", redisPort, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	member := []string{"--cluster-url", "redis://" + redis, "--cluster-secret", "a-secret-of-the-tests-of-livedub-32"}
	nodes := map[string]*process{}
	for _, name := range []string{"one", "two"} {
		at := fmt.Sprintf("127.0.0.1:%d", port(t))
		nodes[name] = start(t, need(t, "LIVEDUB"), append([]string{"serve", "--listen", at, "--media-port", "0", "--drain", "1m", "--store", "none",
			"--engines", "light", "--max-sessions", "2", "--access-key-file", filepath.Join(t.TempDir(), "key"),
			"--cluster-node", name, "--cluster-addr", "http://" + at}, member...)...)
		eventually(t, "node "+name+" answers", answers("http://"+at+"/readyz"))
	}
	front := fmt.Sprintf("127.0.0.1:%d", port(t))
	s.base = "http://" + front
	start(t, gateway, append([]string{"--listen", front}, member...)...)
	eventually(t, "the gateway answers", answers(s.base+"/readyz"))
	return s, func() *process {
		t.Helper()
		var from *process
		eventually(t, "a node has the session", func() bool {
			for _, n := range nodes {
				if strings.Contains(n.printed(), "session created") {
					from = n
				}
			}
			return from != nil
		})
		return from
	}
}

// call has Ana speak and Ben listen, who hears, sees and reads her.
func (s *scene) call(t *testing.T) (ben *person) {
	t.Helper()
	s.meet(t, "--room", "demo")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, true)
	ben = s.attend(t, "demo", "ben", map[string]string{"livedub.lang": "es", "livedub.video": "true"})
	eventually(t, "Ben hears, sees and reads Ana", func() bool {
		return ben.seen("ana-es") > 50 && ben.ear("ana-es", "audio") != nil && len(ben.said("es")) > 1
	})
	return ben
}

// gap returns the longest between two packets of sound, from the nth on.
func (e *ear) gap(n int) time.Duration {
	all, _ := e.all()
	gap := time.Duration(0)
	for i := max(n, 1); i < len(all); i++ {
		gap = max(gap, time.Duration(int32(all[i].rtp-all[i-1].rtp))*time.Second/48000)
	}
	return gap
}

// TestMoves: behind a gateway, the node that dubs is drained: the session goes on at
// another one, by the same tracks, and nothing but a moment is missing.
func TestMoves(t *testing.T) {
	s, holder := cluster(t)
	ben := s.call(t)
	sound, sight := ben.ear("ana-es", "audio"), ben.ear("ana-es", "video")
	from := holder()
	before, _ := sound.all()
	if err := from.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := from.cmd.Wait(); err != nil {
		t.Errorf("the drained node: %v", err)
	}
	texts := len(ben.said("es"))
	eventually(t, "Ben reads on", func() bool { return len(ben.said("es")) > texts+4 })
	eventually(t, "and hears on", func() bool { now, _ := sound.all(); return len(now) > len(before)+750 })
	if twice := ben.twice(); twice != nil {
		for _, c := range twice {
			t.Errorf("came twice: %+v", *c)
		}
	}
	if ben.ear("ana-es", "audio") != sound || ben.ear("ana-es", "video") != sight {
		t.Error("the dub has other tracks than before")
	}
	gap := sound.gap(len(before))
	t.Logf("longest gap in the sound since the node was told to leave: %v", gap)
	if gap > 5*time.Second {
		t.Errorf("a gap of %v", gap)
	}
	frames, _ := sight.all()
	decode(t, inOrder(frames), 32, 24)
}

// TestNodeDies: behind a gateway, the node that dubs is killed: the dub comes back from
// another one, by the same session.
func TestNodeDies(t *testing.T) {
	s, holder := cluster(t)
	ben := s.call(t)
	state, _ := ben.state()
	before, _ := ben.ear("ana-es", "audio").all()
	from := holder()
	if err := from.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = from.cmd.Wait() // it says that it was killed
	texts, frames := len(ben.said("es")), ben.seen("ana-es")
	eventually(t, "Ben reads on", func() bool { return len(ben.said("es")) > texts+2 })
	eventually(t, "and hears on", ben.hears("ana-es"))
	eventually(t, "and sees on", func() bool { n := ben.seen("ana-es"); return n > frames+100 || n < frames && n > 100 })
	if twice := ben.twice(); twice != nil {
		for _, c := range twice {
			t.Errorf("came twice: %+v", *c)
		}
	}
	now, _ := ben.state()
	t.Logf("session %s, then %s; longest gap in the sound of one track %v", state.Speakers["ana"].Session, now.Speakers["ana"].Session, ben.ear("ana-es", "audio").gap(len(before)))
	if now.Speakers["ana"].Session != state.Speakers["ana"].Session {
		t.Error("another session was made, though the gateway had the one go on")
	}
}

// twice returns all captions where one came twice as final, nil where none did.
func (p *person) twice() []*lksdk.TranscriptionSegment {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range p.captions {
		if c.Final && seen[c.ID] {
			return p.captions
		}
		seen[c.ID] = seen[c.ID] || c.Final
	}
	return nil
}
