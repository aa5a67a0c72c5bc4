package aws

import (
	"context"
	"time"
)

const (
	countEvery = time.Second
	checkEvery = 30 * time.Second // looks whether what was set still is
	holdTime   = time.Minute      // without a session before a node may be taken
)

// protect keeps the group from taking this node while it has sessions. Only the newest
// wish is sent, and none while one is under way.
func (a *Agent) protect(ctx context.Context) {
	var (
		known, on bool // what the group was told last
		used      time.Time
		next      time.Time
		checked   time.Time
		telling   = trouble{log: a.cfg.Log, what: "scale-in protection"}
	)
	for sleep(ctx, countEvery) {
		if !a.serving.Load() {
			known = false // the group forgets it with the instance's place in service
			continue
		}
		now := time.Now()
		if a.cfg.Sessions() > 0 {
			used = now
		}
		want := !used.IsZero() && now.Sub(used) < holdTime
		if known && on && want && now.Sub(checked) >= checkEvery {
			checked = now
			known = !a.lifted(ctx)
		}
		if known && want == on || now.Before(next) {
			continue
		}
		group, err := a.findGroup(ctx)
		if err == nil {
			err = a.cloud.setProtection(ctx, group, want)
		}
		if ctx.Err() != nil {
			return
		}
		next = time.Now().Add(telling.note(err))
		if err == nil {
			known, on, checked = true, want, now
			a.counts.change(func(s *Stats) { s.Protected = on })
		}
	}
}

// lifted tells whether somebody else has lifted the protection: an operator, or a process that speaks
// for the same instance and that this one cannot see, as in another container.
func (a *Agent) lifted(ctx context.Context) bool {
	is, err := a.cloud.describe(ctx)
	if err != nil || is.state != "InService" || is.protected {
		return false
	}
	a.cfg.Log.Warn("somebody has lifted the protection of this node, which has sessions: it is set again; does another process of the instance have aws.enabled on?", "instance", a.cloud.instance)
	return true
}

// findGroup returns the name of the group, which AWS is asked for until it told.
func (a *Agent) findGroup(ctx context.Context) (string, error) {
	if g := a.groupName(); g != "" {
		return g, nil
	}
	is, err := a.cloud.describe(ctx)
	if err != nil {
		return "", err
	}
	a.setGroup(is.group)
	return is.group, nil
}
