package clustertest

import (
	"context"
	"sync/atomic"
	"time"

	"livedub/cluster"
)

// Flaky is a registry that can be away, when all its steps fail with ErrUnavailable, and far.
type Flaky struct {
	Registry
	away  atomic.Bool
	trip  atomic.Int64
	steps atomic.Int64
}

// Away lets the registry be away, or come back.
func (f *Flaky) Away(away bool) { f.away.Store(away) }

// Far lets each step take so long.
func (f *Flaky) Far(trip time.Duration) { f.trip.Store(int64(trip)) }

// Steps returns how many steps were asked for so far.
func (f *Flaky) Steps() int { return int(f.steps.Load()) }

func (f *Flaky) step() error {
	f.steps.Add(1)
	time.Sleep(time.Duration(f.trip.Load()))
	if f.away.Load() {
		return cluster.ErrUnavailable
	}
	return nil
}

// Beat is a step.
func (f *Flaky) Beat(ctx context.Context, n cluster.Node) (cluster.Pulse, error) {
	if err := f.step(); err != nil {
		return cluster.Pulse{}, err
	}
	return f.Registry.Beat(ctx, n)
}

// Leave is a step.
func (f *Flaky) Leave(ctx context.Context, node, boot string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Registry.Leave(ctx, node, boot)
}

// Place is a step.
func (f *Flaky) Place(ctx context.Context, a cluster.Ask) (cluster.Claim, error) {
	if err := f.step(); err != nil {
		return cluster.Claim{}, err
	}
	return f.Registry.Place(ctx, a)
}

// Find is a step.
func (f *Flaky) Find(ctx context.Context, session string) (cluster.Claim, error) {
	if err := f.step(); err != nil {
		return cluster.Claim{}, err
	}
	return f.Registry.Find(ctx, session)
}

// Move is a step.
func (f *Flaky) Move(ctx context.Context, a cluster.Ask, seen cluster.Fence) (cluster.Claim, error) {
	if err := f.step(); err != nil {
		return cluster.Claim{}, err
	}
	return f.Registry.Move(ctx, a, seen)
}

// Hold is a step.
func (f *Flaky) Hold(ctx context.Context, c cluster.Claim) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Registry.Hold(ctx, c)
}

// Release is a step.
func (f *Flaky) Release(ctx context.Context, session string, fence cluster.Fence) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Registry.Release(ctx, session, fence)
}

// Reap is a step.
func (f *Flaky) Reap(ctx context.Context) ([]cluster.Claim, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.Registry.Reap(ctx)
}

// Deaths is a step.
func (f *Flaky) Deaths(ctx context.Context) (int, error) {
	if err := f.step(); err != nil {
		return 0, err
	}
	return f.Registry.Deaths(ctx)
}

// Nodes is a step.
func (f *Flaky) Nodes(ctx context.Context) ([]cluster.Status, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.Registry.Nodes(ctx)
}

// Append is a step.
func (f *Flaky) Append(ctx context.Context, session string, fence cluster.Fence, part []byte) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Registry.Append(ctx, session, fence, part)
}

// Replace is a step.
func (f *Flaky) Replace(ctx context.Context, session string, fence cluster.Fence, part []byte) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Registry.Replace(ctx, session, fence, part)
}

// Load is a step.
func (f *Flaky) Load(ctx context.Context, session string) ([][]byte, cluster.Fence, error) {
	if err := f.step(); err != nil {
		return nil, 0, err
	}
	return f.Registry.Load(ctx, session)
}

// Erase is a step.
func (f *Flaky) Erase(ctx context.Context, session string) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Registry.Erase(ctx, session)
}
