// Package clusterrig runs a cluster of real processes on this machine: Redis, nodes
// with the fake engines, gateways, and between all of them relays that can break. Calls
// measure what a listener notices. Chaos tests and `livedub bench handover` share it.
package clusterrig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/netem"
	"livedub/internal/testkit/redisproc"
)

const secret = "0123456789abcdef-of-the-cluster-only"

// Config says what a cluster consists of.
type Config struct {
	Bin      string // folder with livedub and gateway
	Dir      string // for state; the caller removes it
	Nodes    int
	Gateways int
	Places   int           // of each node
	RTT      time.Duration // between clients and the cluster
	Drain    time.Duration // how long a node that leaves waits
	Redis    []string      // settings
	Args     []string      // more settings of the nodes
	Consent  bool          // the speakers agree to voice and face being used
}

// Rig is a cluster. Its methods are for one goroutine at a time.
type Rig struct {
	Redis    *redisproc.Server
	Nodes    []*Node
	Gateways []*Process
	Front    *netem.TCP // before the gateways, as a load balancer
	Base     string     // its address

	consent bool
	peers   caller.Peers
	web     *http.Client
}

// Node is a node and what stands between it and others.
type Node struct {
	*Process
	Redis *netem.TCP // to Redis
	Links *netem.TCP // to its HTTP: what breaks is links of other nodes, and gateways' requests pass

	faults netem.Faults // of media
	runs   int

	mu    sync.Mutex
	media *netem.Relay // from clients
}

// Start starts a cluster. What was started is ended where it fails.
func Start(c Config) (*Rig, error) {
	r := &Rig{consent: c.Consent, web: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	if err := r.start(c); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Rig) start(c Config) (err error) {
	if r.Redis, err = redisproc.New(c.Dir, c.Redis...); err != nil {
		return err
	}
	for _, program := range []string{"livedub", "gateway"} {
		if _, err := os.Stat(filepath.Join(c.Bin, program)); err != nil {
			return fmt.Errorf("%w: run make build", err)
		}
	}
	if err := r.Redis.Start(); err != nil {
		return err
	}
	if r.peers, err = caller.NewPeers(); err != nil {
		return err
	}
	for i := range c.Nodes {
		n, err := r.node(c, fmt.Sprintf("node%d", i+1))
		if err != nil {
			return err
		}
		r.Nodes = append(r.Nodes, n)
	}
	var addrs []string
	for i := range c.Gateways {
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		g := &Process{Name: fmt.Sprintf("gateway%d", i+1), Addr: addr, path: filepath.Join(c.Bin, "gateway"), env: []string{"XDG_STATE_HOME=" + c.Dir},
			args: append(r.member(r.Redis.Addr), "--listen", addr)}
		if err := g.Start(); err != nil {
			return err
		}
		r.Gateways, addrs = append(r.Gateways, g), append(addrs, addr)
	}
	if r.Front, err = netem.NewTCP(c.RTT/2, addrs...); err != nil {
		return err
	}
	r.Base = "http://" + r.Front.Addr()
	return nil
}

// member returns the settings by which a program belongs to the cluster. All callers
// are one machine here: its limits are not what is tried.
func (*Rig) member(redis string) []string {
	return []string{"--cluster-url", "redis://" + redis, "--cluster-secret", secret, "--limits-requests", "0", "--limits-connections", "0"}
}

// node starts a node behind its relays.
func (r *Rig) node(c Config, name string) (*Node, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	n := &Node{faults: netem.Faults{Delay: c.RTT / 2}}
	if n.Redis, err = netem.NewTCP(0, r.Redis.Addr); err != nil {
		return nil, err
	}
	if n.Links, err = netem.NewTCP(0, addr); err != nil {
		return nil, errors.Join(err, n.Redis.Close())
	}
	n.Links.Only("GET /v1/link ")
	n.Process = &Process{Name: name, Addr: addr, path: filepath.Join(c.Bin, "livedub"), env: []string{"AWS_EC2_METADATA_DISABLED=true", "XDG_STATE_HOME=" + filepath.Join(c.Dir, name), "LIVEDUB_STORE_DIR=" + filepath.Join(c.Dir, "store")},
		args: append(append([]string{"serve"}, r.member(n.Redis.Addr())...), "--listen", addr, "--media-port", "0", "--cluster-node", name, "--cluster-addr", "http://"+n.Links.Addr(),
			"--limits-offers", "0", "--limits-offers-all", "0", "--limits-unused", "0", "--limits-streams", "0", "--limits-viewers", "0",
			"--max-sessions", fmt.Sprint(c.Places), "--drain", c.Drain.String(),
			"--recognize-engine", "fake", "--translate-engine", "fake", "--speak-engine", "fake", "--lips-engine", "off")}
	n.args = append(n.args, c.Args...)
	if err = n.Start(); err == nil {
		err = n.relay()
	}
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

var mediaPort = regexp.MustCompile(`media_port=(\d+)`)

// relay puts a relay before the node's media, where its last run takes it.
func (n *Node) relay() error {
	n.runs++
	var found [][]string
	for end := time.Now().Add(startTime); len(found) < n.runs; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s does not tell its media port: %s", n.Name, last(n.Printed()))
		}
		found = mediaPort.FindAllStringSubmatch(n.Printed(), -1)
	}
	return n.reroute("127.0.0.1:" + found[n.runs-1][1])
}

// Darken holds all media of the node back, without a word, until it is called with false.
func (n *Node) Darken(dark bool) error {
	f := n.faults
	if dark {
		f.Loss = 1
	}
	m := n.way()
	return errors.Join(m.Set(netem.Up, f), m.Set(netem.Down, f))
}

// Cut breaks all connections of clients to the node's media: new ones take a new way.
func (n *Node) Cut() error { return n.reroute(n.way().Target().String()) }

// way returns the relay that clients' media takes; nil before there is one.
func (n *Node) way() *netem.Relay {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.media
}

// reroute puts a new relay before the node's media.
func (n *Node) reroute(target string) error {
	next, err := netem.New(netem.Config{Target: target, Up: n.faults, Down: n.faults})
	if err != nil {
		return err
	}
	n.mu.Lock()
	was := n.media
	n.media = next
	n.mu.Unlock()
	if was != nil {
		return was.Close()
	}
	return nil
}

// Restart starts a node that has ended again.
func (r *Rig) Restart(n *Node) error {
	if err := n.Start(); err != nil {
		return err
	}
	return n.relay()
}

func (n *Node) close() error {
	err := n.End()
	if m := n.way(); m != nil {
		err = errors.Join(err, m.Close())
	}
	return errors.Join(err, n.Links.Close(), n.Redis.Close())
}

// Close ends everything. An error tells of a process that did not end well.
func (r *Rig) Close() error {
	var all error
	for _, g := range r.Gateways {
		all = errors.Join(all, g.End())
	}
	for _, n := range r.Nodes {
		all = errors.Join(all, n.close())
	}
	if r.Front != nil {
		all = errors.Join(all, r.Front.Close())
	}
	if r.Redis != nil {
		r.Redis.Kill()
	}
	return all
}

// Printed returns what all processes printed.
func (r *Rig) Printed() string {
	var b strings.Builder
	for _, n := range r.Nodes {
		fmt.Fprintf(&b, "%s:\n%s\n", n.Name, n.Printed())
	}
	for _, g := range r.Gateways {
		fmt.Fprintf(&b, "%s:\n%s\n", g.Name, g.Printed())
	}
	return b.String()
}

// relayOf returns the relay that belongs to an answer; nil for none.
func (r *Rig) relayOf(answer string) *netem.Relay {
	for _, n := range r.Nodes {
		if m := n.way(); strings.Contains(answer, fmt.Sprintf(" %d typ ", m.Target().Port())) {
			return m
		}
	}
	return nil
}

// Holder returns the node that acts for a session with the highest fence; nil for none.
// Nodes are asked themselves; one that does not answer is passed over.
func (r *Rig) Holder(ctx context.Context, session string) *Node {
	var holder *Node
	high := int64(0)
	for _, n := range r.Nodes {
		if fence, ok := r.Holds(ctx, n, session); ok && fence > high {
			holder, high = n, fence
		}
	}
	return holder
}

// Holds tells whether a node has a session, and its fence there.
func (r *Rig) Holds(ctx context.Context, n *Node, session string) (fence int64, ok bool) {
	if !n.Running() {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var s struct{ Fence int64 }
	status, err := r.Get(ctx, "http://"+n.Addr+"/v1/sessions/"+session, &s)
	return s.Fence, err == nil && status == http.StatusOK
}

// Get asks for a URL and decodes the JSON that it answers with.
func (r *Rig) Get(ctx context.Context, url string, v any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := r.web.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if v != nil && resp.StatusCode == http.StatusOK {
		err = json.NewDecoder(resp.Body).Decode(v)
	}
	return resp.StatusCode, err
}

// freeAddr returns an address of this machine that can be listened on, and again.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// State returns how a node does, as a gateway tells the operator; "gone" for one that
// it does not know, "" where none answers.
func (r *Rig) State(ctx context.Context, n *Node) string {
	var list struct{ Nodes []struct{ ID, State string } }
	if status, err := r.Get(ctx, r.Base+"/v1/sessions", &list); err != nil || status != http.StatusOK {
		return ""
	}
	for _, s := range list.Nodes {
		if s.ID == n.Name {
			return s.State
		}
	}
	return "gone"
}

// Dead tells whether the cluster holds a node dead. It is listed so until the next
// member reaps, which may be milliseconds, and is gone then.
func (r *Rig) Dead(ctx context.Context, n *Node) bool {
	state := r.State(ctx, n)
	return state == "dead" || state == "gone"
}
