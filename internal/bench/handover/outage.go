package handover

import (
	"context"
	"errors"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
)

const liveCalls = 2 // while Redis is away

// outage takes Redis away under live calls and brings it back without what it held.
func outage(ctx context.Context, c Config, m *caller.Material) (o Outage, err error) {
	r, end, err := cluster(c, 0)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, end()) }()
	o.Sessions, o.AwayS = liveCalls, c.Away.Seconds()
	var calls []*clusterrig.Call
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
		defer cancel()
		for _, call := range calls {
			err = errors.Join(err, call.End(ctx))
		}
	}()
	for range liveCalls {
		call, err := r.Call(ctx, m)
		if err != nil {
			return o, err
		}
		calls = append(calls, call)
	}
	for _, call := range calls {
		if err := call.Hearing(ctx, time.Now(), after, bound); err != nil {
			return o, err
		}
	}
	r.Redis.Kill()
	broken := time.Now()
	select {
	case <-time.After(c.Away):
	case <-ctx.Done():
		return o, ctx.Err()
	}
	if err := r.Redis.Start(); err != nil {
		return o, err
	}
	back := time.Now()
	found := 0
	for found, err = healed(ctx, r, calls); found < len(calls) || err != nil; found, err = healed(ctx, r, calls) {
		if time.Since(back) > bound {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	o.HealedS = float64(time.Since(back).Milliseconds()) / 1000
	o.SessionsLost = len(calls) - found
	time.Sleep(lead)
	for _, call := range calls {
		if f := call.Figures(broken, time.Now()); len(f.Lost) > 0 && found == len(calls) {
			o.SessionsLost++
		}
	}
	return o, err
}

// healed returns how many calls the cluster finds. An error says that a new session
// cannot be made.
func healed(ctx context.Context, r *clusterrig.Rig, calls []*clusterrig.Call) (found int, err error) {
	client := r.Client()
	defer client.Close()
	made, err := client.Create(ctx, caller.Wanted{From: "en", To: []string{"es"}})
	if err == nil {
		err = client.End(ctx, made.Control)
	}
	for _, call := range calls {
		if _, lookErr := client.Look(ctx, call.Made.Control, &call.Fence); lookErr == nil {
			found++
		}
	}
	return found, err
}
