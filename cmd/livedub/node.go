package main

import (
	"cmp"
	"context"
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
	"livedub/internal/config"
	"livedub/internal/registry"
	"livedub/media"
	"livedub/media/rtc"
	"livedub/session"
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

// carried are the sessions of this node as its membership sees them.
type carried struct{ *calls }

// Reopen opens a session from its checkpoint, and keeps that from now on.
func (c carried) Reopen(_ context.Context, id string, parts [][]byte) error {
	from, err := session.DecodeCheckpoint(parts...)
	if err != nil && !errors.Is(err, session.ErrDamaged) {
		return fmt.Errorf("what is kept of session %s: %w", id, err)
	}
	call, failed := c.manager.Open(id, from)
	if failed != nil {
		return refuse(failed)
	}
	if err != nil {
		call.Log().Warn("the session goes on from what is left", "err", err)
	}
	call.Keep()
	return nil
}

// End ends a session.
func (c carried) End(id string) { _ = c.manager.Delete(id) } // it may have ended by itself

// saver keeps the checkpoints of sessions in the cluster that this server has joined.
type saver struct{ *calls }

func (s saver) Append(ctx context.Context, id string, part []byte) error {
	return s.member.Append(ctx, id, part)
}

func (s saver) Replace(ctx context.Context, id string, part []byte) error {
	return s.member.Replace(ctx, id, part)
}

// now returns the time by a clock that all nodes share, where there are others.
func (c *calls) now() time.Time {
	if c.member == nil {
		return time.Now()
	}
	return c.member.Now()
}

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
