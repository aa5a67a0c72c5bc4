package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/internal/config"
	"livedub/internal/gpu"
	"livedub/internal/registry"
	"livedub/media"
	"livedub/media/rtc"
	"livedub/session"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/member"
)

// membership is this server's place in a cluster. Nil outside of one.
type membership struct {
	*member.Member
	reg  *redis.Registry
	key  access.Key
	gpus func(context.Context) gpu.Report

	self cluster.Node // its names; zero until it warms
	warm *warming
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
	reg, err := registry.Open(ctx, c.Cluster, log)
	if err != nil {
		return nil, err
	}
	return &membership{reg: reg, key: key}, nil
}

// answerer names this run of this node to gateways; "" outside of a cluster.
func (n *membership) answerer() string {
	if n == nil {
		return ""
	}
	return signaling.Pass{Node: n.self.ID, Boot: n.self.Boot}.Answerer()
}

// join makes this server a node that takes sessions. Until then it was warming.
func (n *membership) join(ctx context.Context, c config.Config, d *endpoints, log *slog.Logger) error {
	n.warm.end()
	self := func() cluster.Node {
		self := n.self
		switch {
		case ctx.Err() != nil:
			self.State = cluster.Draining
		case d.engines.lipNet == nil || d.engines.lipNet.warm():
			self.State = cluster.Serving
		}
		there, used := 0, 0.0
		if n.Member != nil {
			there, used = n.Carries()
		}
		self.Capacity = min(room(used, there, d.calls.manager.Places()), cluster.MaxCapacity)
		self.GPU, self.Memory = n.vitals()
		return self
	}
	m := member.New(member.Config{
		Registry: n.reg, Saved: n.reg, Rules: registry.Rules(c.Cluster), Key: n.key, Self: self, Sessions: carried{d.calls}, Link: d.calls.linked, Log: log,
	})
	d.calls.member, d.calls.linkKey = m, n.key.Derive("node link")
	n.Member = m
	if err := m.Start(ctx); err != nil {
		return fmt.Errorf("this node cannot join the cluster (cluster.url, cluster.node): %w", err)
	}
	log.Info("joined the cluster", "cluster", c.Cluster.Name, "node", n.self.ID, "addr", n.self.Addr)
	return nil
}

// leave takes this server out of the cluster and closes the registry.
func (n *membership) leave() {
	if n == nil {
		return
	}
	n.warm.end()
	switch {
	case n.Member != nil:
		n.Member.Close()
	case n.self.ID != "": // it never served
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = n.reg.Leave(ctx, n.self.ID, n.self.Boot) // else it counts as dead in a few seconds
	}
	n.reg.Close()
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
