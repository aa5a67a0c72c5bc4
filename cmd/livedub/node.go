package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/internal/config"
	"livedub/internal/gpu"
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
		Registry: n.reg, Saved: n.reg, Rules: registry.Rules(c.Cluster), Key: n.key, Self: self, Sessions: carried{d.calls}, Log: log,
	})
	d.calls.member = m
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
}

const birthVersion = 1

func kept(call *live.Call) ([]byte, error) {
	st := call.State()
	return json.Marshal(birth{
		V: birthVersion, Epoch: call.Epoch, From: call.Spec.From, To: call.Targets(), Profile: call.Spec.Profile, DelayMS: call.Spec.Delay.Milliseconds(),
		Consent: st.Consent.Given, ConsentAt: st.Consent.At, NoBadge: call.Spec.NoBadge, Words: call.Words(),
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
		ConsentAt: b.ConsentAt,
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
