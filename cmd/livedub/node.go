package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/internal/config"
	"livedub/internal/registry"
	"livedub/media"
	"livedub/media/rtc"
	"livedub/session/live"
	"livedub/session/spec"
	"livedub/signaling/access"
	"livedub/signaling/member"
)

// membership is this server's place in a cluster. Nil outside of one.
type membership struct {
	*member.Member
	reg *redis.Registry
	key access.Key
}

// openRegistry connects to the cluster that the settings name; nil without one.
func openRegistry(ctx context.Context, c *config.Config, log *slog.Logger) (*membership, error) {
	if c.Cluster.URL == "" {
		return nil, nil
	}
	key, err := registry.Key(c.Cluster, log)
	if err != nil {
		return nil, err
	}
	reg, err := registry.Open(ctx, c.Cluster)
	if err != nil {
		return nil, err
	}
	return &membership{reg: reg, key: key}, nil
}

// join makes this server a node that is reached at l, and sends its first heartbeat.
func (n *membership) join(ctx context.Context, c config.Config, l net.Addr, d *endpoints, log *slog.Logger) error {
	addr, err := nodeAddr(c.Cluster.Addr, l)
	if err != nil {
		return err
	}
	id, boot := cmp.Or(c.Cluster.Node, nodeName(l)), uuid.NewString()
	if err := cluster.CheckID(id); err != nil {
		return fmt.Errorf("cluster.node: %w", err)
	}
	self := func() cluster.Node {
		state := cluster.Serving
		if ctx.Err() != nil {
			state = cluster.Draining
		}
		used := 0.0
		if n.Member != nil {
			used = n.Used()
		}
		// What is there was priced when it came; each session that may still come is a place.
		places := used + float64(d.calls.manager.Places())
		return cluster.Node{ID: id, Boot: boot, Addr: addr, State: state, Capacity: min(places, cluster.MaxCapacity)}
	}
	if err := self().Check(); err != nil {
		return fmt.Errorf("cluster.addr, cluster.node: %w", err)
	}
	m := member.New(member.Config{
		Registry: n.reg, Saved: n.reg, Rules: registry.Rules(c.Cluster), Key: n.key, Self: self, Sessions: carried{d.calls}, Link: d.calls.linked, Log: log,
	})
	d.calls.member, d.calls.linkKey = m, n.key.Derive("node link")
	n.Member = m
	if err := m.Start(ctx); err != nil {
		return fmt.Errorf("this node cannot join the cluster (cluster.url, cluster.node): %w", err)
	}
	log.Info("joined the cluster", "cluster", c.Cluster.Name, "node", id, "addr", addr)
	return nil
}

// leave takes this server out of the cluster and closes the registry.
func (n *membership) leave() {
	if n == nil {
		return
	}
	if n.Member != nil {
		n.Member.Close()
	}
	n.reg.Close()
}

// nodeAddr returns where gateways reach a node that listens at l.
func nodeAddr(set string, l net.Addr) (string, error) {
	if set != "" {
		return strings.TrimSuffix(set, "/"), nil
	}
	t, ok := l.(*net.TCPAddr)
	if !ok || t.IP.IsUnspecified() {
		return "", errors.New("cluster.addr: the server listens on all addresses: say at which one gateways reach it, as http://10.0.0.7:8080")
	}
	return "http://" + t.String(), nil
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// nodeName makes a name of the machine's and the port.
func nodeName(l net.Addr) string {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	_, port, _ := net.SplitHostPort(l.String())
	return strings.Trim(unfit.ReplaceAllString(host, "-"), "-")[:min(len(host), 50)] + "-" + port
}

// birth is what another node needs to open a session again: its capabilities, which
// are bound to the epoch, and what was asked for. It does not hold what happened since.
type birth struct {
	V         int              `json:"v"`
	Epoch     string           `json:"epoch"`
	From      inference.Lang   `json:"from"`
	To        []inference.Lang `json:"to"`
	Profile   spec.Profile     `json:"profile"`
	DelayMS   int64            `json:"delay_ms"`
	Consent   bool             `json:"consent"`
	ConsentAt time.Time        `json:"consent_at,omitzero"`
	NoBadge   bool             `json:"no_badge"`
	Words     glossary.Words   `json:"words"`
	Zero      time.Time        `json:"zero"`
}

const birthVersion = 1

func kept(call *live.Call) ([]byte, error) {
	st := call.State()
	return json.Marshal(birth{
		V: birthVersion, Epoch: call.Epoch, From: call.Spec.From, To: call.Targets(), Profile: call.Spec.Profile, DelayMS: call.Spec.Delay.Milliseconds(),
		Consent: st.Consent.Given, ConsentAt: st.Consent.At, NoBadge: call.Spec.NoBadge, Words: call.Words(), Zero: time.Now().Add(-call.Clock.Now()),
	})
}

// keep writes down what a session has become.
func (c *calls) keep(ctx context.Context, call *live.Call) {
	if c.member == nil {
		return
	}
	data, err := kept(call)
	if err == nil {
		err = c.member.Save(ctx, call.Spec.ID, data)
	}
	if err != nil {
		call.Log().Warn("a change is not kept: another node would open the session as it was before", "err", err)
	}
}

// carried are the sessions of this node as its membership sees them.
type carried struct{ *calls }

// Reopen opens a session as it was kept, with the epoch that its capabilities are bound to.
func (c carried) Reopen(_ context.Context, id string, data []byte) error {
	var b birth
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("what is kept of session %s: %w", id, err)
	}
	if b.V != birthVersion || b.Epoch == "" {
		return fmt.Errorf("what is kept of session %s has version %d, this node reads %d", id, b.V, birthVersion)
	}
	delay := time.Duration(b.DelayMS) * time.Millisecond
	_, err := c.manager.Create(spec.Spec{
		ID: id, Epoch: b.Epoch, From: b.From, To: b.To, Profile: b.Profile, Delay: &delay, Consent: b.Consent, NoBadge: b.NoBadge, Words: b.Words,
		ConsentAt: b.ConsentAt, Zero: b.Zero,
	})
	return refuse(err)
}

// End ends a session.
func (c carried) End(id string) { _ = c.manager.Delete(id) } // it may have ended by itself

// fenced shows a viewer nothing while this node may not act for the session.
type fenced struct {
	*rtc.Viewer
	acting func() bool
}

func (f fenced) Write(p media.Packet) error {
	if !f.acting() {
		return nil
	}
	return f.Viewer.Write(p)
}
