package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/testkit/redistest"
)

const clusterSecret = "0123456789abcdef-of-the-cluster-only"

// node starts a server as a node of the cluster in a Redis.
func node(t *testing.T, r *redistest.Server, name string, args ...string) *server {
	t.Helper()
	return serve(t, append(append([]string{"--cluster-url", "redis://" + r.Addr, "--cluster-secret", clusterSecret, "--cluster-node", name, "--max-sessions", "4"}, fakes...), args...)...)
}

// startGateway starts a gateway of the cluster in a Redis and ends it with the test.
func startGateway(t *testing.T, r *redistest.Server, args ...string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(filepath.Join(bin, "gateway"), append([]string{"--listen", "127.0.0.1:0", "--cluster-url", "redis://" + r.Addr, "--cluster-secret", clusterSecret}, args...)...)}
	s.mark = markOf(t, s.cmd)
	s.kept = allLogs.of(t, s.cmd.Args, s.cmd.Env)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the gateway did not start: %v: %s", err, s.printed())
	}
	for _, word := range strings.Fields(line) {
		if strings.HasPrefix(word, "http://") {
			s.base = word
		}
	}
	t.Cleanup(func() { s.stop(t) })
	return s
}

// place is a session as POST answers it, with paths instead of addresses.
type place struct {
	ID, WHIP, Control string
	WHEP              map[string]string
	Fence             int64
}

func create(t *testing.T, g *server) place {
	t.Helper()
	return createLate(t, g, time.Second)
}

// createLate is create with a delay.
func createLate(t *testing.T, g *server, delay time.Duration) place {
	t.Helper()
	var p place
	if status, body := g.call(t, "POST", "/v1/sessions", fmt.Sprintf(`{"from":"en","to":["es"],"delay_ms":%d}`, delay.Milliseconds()), &p); status != 201 {
		t.Fatalf("%d %s\n%s", status, body, g.printed())
	}
	p.WHIP, p.Control = strings.TrimPrefix(p.WHIP, g.base), strings.TrimPrefix(p.Control, g.base)
	for lang, url := range p.WHEP {
		p.WHEP[lang] = strings.TrimPrefix(url, g.base)
	}
	return p
}

// nodesOf returns how many sessions each node has, and which states there are, as the gateway tells the operator.
func nodesOf(t *testing.T, g *server) (sessions map[string]int, states map[string]string) {
	t.Helper()
	var list struct {
		Nodes []struct {
			ID, State string
			Sessions  int
		}
	}
	if status, body := g.call(t, "GET", "/v1/sessions", "", &list); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	sessions, states = map[string]int{}, map[string]string{}
	for _, n := range list.Nodes {
		sessions[n.ID], states[n.ID] = n.Sessions, n.State
	}
	return sessions, states
}

// busiest returns the node with the most sessions.
func busiest(t *testing.T, g *server) string {
	t.Helper()
	sessions, _ := nodesOf(t, g)
	most := ""
	for id, n := range sessions {
		if most == "" || n > sessions[most] {
			most = id
		}
	}
	return most
}

// TestCluster runs Redis, two nodes and two gateways as processes: sessions spread,
// are published and watched through a gateway, and outlive their node.
func TestCluster(t *testing.T) {
	r := redistest.Start(t)
	nodes := map[string]*server{"one": node(t, r, "one"), "two": node(t, r, "two")}
	g, other := startGateway(t, r), startGateway(t, r)

	var all []place
	for range 4 {
		all = append(all, create(t, g))
	}
	if sessions, _ := nodesOf(t, other); sessions["one"] != 2 || sessions["two"] != 2 {
		t.Errorf("not spread: %v", sessions)
	}
	if status, body := g.call(t, "GET", "/", "", nil); status != 200 || !strings.Contains(body, "<script") {
		t.Errorf("the page: %d %.100s", status, body)
	}
	for _, p := range all[1:] {
		if status, body := other.call(t, "DELETE", p.Control, "", nil); status != 204 {
			t.Errorf("DELETE: %d %s", status, body)
		}
	}
	if sessions, _ := nodesOf(t, g); sessions["one"]+sessions["two"] != 1 {
		t.Errorf("places are not free: %v", sessions)
	}
	p := all[0]
	publish(t, g, p.WHIP, newSpeaker(t, time.Second), nil)
	seen := watch(t, other, p.WHEP["es"])
	until(t, "the dub is seen through the gateways", func() bool { n, _ := seen.came(); return n > 30 })

	// An unknown session is one look-up.
	began := time.Now()
	if status, _ := g.call(t, "GET", "/v1/sessions/nobody", "", nil); status != 404 {
		t.Errorf("unknown: %d", status)
	}
	t.Logf("an unknown session: 404 after %s", time.Since(began).Round(time.Millisecond))

	killed := busiest(t, g)
	nodes[killed].kill(t)
	began = time.Now()
	publish(t, g, p.WHIP, newSpeaker(t, time.Second), nil) // ends the test unless it connects
	back := time.Since(began)
	again := watch(t, other, p.WHEP["es"])
	until(t, "the dub is seen from the other node", func() bool { n, _ := again.came(); return n > 30 })
	t.Logf("the publisher is connected to the other node %s after it noticed", back.Round(time.Millisecond))
	if back > 3*time.Second {
		t.Errorf("the publisher is back after %s, 3 s at most", back)
	}
	var now place
	if status, body := g.call(t, "GET", p.Control, "", &now); status != 200 || now.Fence <= p.Fence || now.ID != p.ID {
		t.Errorf("fence %d, %d before: %d %s", now.Fence, p.Fence, status, body)
	}
	until(t, "the killed node is found dead", func() bool { _, states := nodesOf(t, g); return states[killed] != "serving" })
}

// TestClusterPacks fills one node before the other, where the gateway is told so.
func TestClusterPacks(t *testing.T) {
	r := redistest.Start(t)
	node(t, r, "one")
	node(t, r, "two")
	g := startGateway(t, r, "--cluster-policy", "pack")
	for range 3 {
		create(t, g)
	}
	if sessions, _ := nodesOf(t, g); max(sessions["one"], sessions["two"]) != 3 {
		t.Errorf("not packed: %v", sessions)
	}
}

// TestRedisOutage kills Redis under a live call for longer than a silent node lives:
// the call goes on; new ones wait until it is back.
func TestRedisOutage(t *testing.T) {
	r := redistest.Start(t)
	node(t, r, "one")
	node(t, r, "two")
	g := startGateway(t, r)
	p := create(t, g)
	publish(t, g, p.WHIP, newSpeaker(t, time.Second), nil)
	seen := watch(t, g, p.WHEP["es"])
	until(t, "the dub is seen", func() bool { n, _ := seen.came(); return n > 30 })
	r.Kill()
	began := time.Now()
	resp, err := client.Post(g.base+"/v1/sessions", "application/json", strings.NewReader(`{"from":"en","to":["es"]}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("without Redis: %d %v", resp.StatusCode, resp.Header)
	}
	t.Logf("without Redis: 503 after %s", time.Since(began).Round(time.Millisecond))
	if status, _ := g.call(t, "GET", "/healthz", "", nil); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	had, _ := seen.came()
	until(t, "the call goes on", func() bool { n, _ := seen.came(); return n > had+90 && time.Since(began) > 8*time.Second })
	r.Start()
	began = time.Now()
	until(t, "the live session is found", func() bool { found, _ := g.call(t, "GET", p.Control, "", nil); return found == 200 })
	// A node that is idle takes one, however busy the machine is.
	until(t, "a session can be made again", func() bool {
		made, _ := g.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"]}`, nil)
		return made == 201
	})
	if healed := time.Since(began); healed > 10*time.Second {
		t.Errorf("healed after %s, 10 s at most", healed)
	} else {
		t.Logf("healed %s after Redis was back", healed.Round(time.Millisecond))
	}
	had, _ = seen.came()
	until(t, "the call still goes on", func() bool { n, _ := seen.came(); return n > had+30 })
}

// TestNodeStops stops a node for longer than a gateway waits, which then moves its
// session. The node finds out when it goes on, and ends it.
func TestNodeStops(t *testing.T) {
	r := redistest.Start(t)
	nodes := map[string]*server{"one": node(t, r, "one"), "two": node(t, r, "two")}
	g := startGateway(t, r)
	p := create(t, g)
	stopped := busiest(t, g)
	pid := nodes[stopped].cmd.Process
	if err := pid.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	status, body := g.call(t, "GET", p.Control, "", nil)
	var now place
	if err := json.Unmarshal([]byte(body), &now); err != nil || status != 200 || now.Fence <= p.Fence {
		t.Errorf("while the node stands still: %d %s", status, body)
	}
	t.Logf("moved after %s", time.Since(began).Round(time.Millisecond))
	if err := pid.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "the node gives its session up", func() bool {
		return strings.Contains(nodes[stopped].printed(), "another node holds it")
	})
	if status, body := g.call(t, "GET", p.Control, "", &now); status != 200 || now.Fence <= p.Fence {
		t.Errorf("after the node went on: %d %s", status, body)
	}
}

// TestNodeLeaves ends a node that holds a session: its addresses go on at the other node, through a new gateway too.
func TestNodeLeaves(t *testing.T) {
	r := redistest.Start(t)
	nodes := map[string]*server{"one": node(t, r, "one"), "two": node(t, r, "two")}
	g := startGateway(t, r)
	p := create(t, g)
	leaves := busiest(t, g)
	nodes[leaves].stop(t)
	g.stop(t)
	g = startGateway(t, r)
	var now place
	if status, body := g.call(t, "GET", p.Control, "", &now); status != 200 || now.ID != p.ID || now.Fence <= p.Fence {
		t.Errorf("%d %s", status, body)
	}
	sessions, _ := nodesOf(t, g)
	if _, there := sessions[leaves]; there || len(sessions) != 1 {
		t.Errorf("the node that left is still there: %v", sessions)
	}
}

// TestClusterRefuses: what cannot work ends a node at the start, and says which setting mends it.
func TestClusterRefuses(t *testing.T) {
	r := redistest.Start(t, "--requirepass", "right")
	for url, want := range map[string]string{
		"redis://user:wrong@" + r.Addr: "cluster.url: its password",
		"redis://" + r.Addr:            "cluster.url: its password",
		"redis://127.0.0.1:1":          "cluster.url: is Redis there",
		"http://127.0.0.1:1":           "cluster.url: no address of a Redis",
	} {
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--media-port", "0", "--cluster-url", url, "--cluster-secret", clusterSecret}, fakes...)
		if got := livedub(t, args...); got.code != 1 || !strings.Contains(got.stderr, want) || strings.Contains(got.stderr, "wrong") {
			t.Errorf("%s: %d %s, want %q", url, got.code, got.stderr, want)
		}
	}
}
