package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"livedub/cluster/aws"
	"livedub/internal/config"
	"livedub/internal/gpu"
	"livedub/internal/proc"
)

// leaveTime is for all that comes after the last session of an instance: what was recorded
// is sent, the cluster is left.
const leaveTime = time.Minute

// fleet is this server's place in an Auto Scaling group, which is looked for in the
// background: a machine that is in none does not wait for it.
type fleet struct {
	log     *slog.Logger
	must    bool   // the settings want it to be in a group
	waits   bool   // nothing is taken before it is known whether it is in a group
	leave   func() // has the server leave, as a signal does
	cancel  context.CancelFunc
	looking sync.WaitGroup

	found chan struct{} // closed when agent and err are known
	agent *aws.Agent    // nil for no group
	err   error         // why there is none although it must be

	endpoints *endpoints // known when ready is closed
	node      *membership
	gpus      func(context.Context) gpu.Report
	ready     chan struct{} // closed when the engines are open
	may       chan struct{} // closed when the instance is to take sessions
	enters    sync.Once
	shown     chan struct{} // closed when it does

	busy proc.Machine // at the last sample, which was then
	then time.Time
}

// findFleet begins to look for the group. The caller closes the fleet when all else is closed.
func findFleet(ctx context.Context, c config.Config, leave func(), log *slog.Logger) *fleet {
	f := &fleet{
		log: log, leave: leave, must: c.AWS.Enabled == "on",
		found: make(chan struct{}), ready: make(chan struct{}), may: make(chan struct{}), shown: make(chan struct{}),
		busy: proc.ReadMachine(), then: time.Now(),
	}
	ctx, f.cancel = context.WithCancel(ctx)
	if c.AWS.Enabled == "off" {
		close(f.found)
		return f
	}
	f.waits = f.must || c.Cluster.URL != ""
	f.looking.Go(func() {
		defer close(f.found)
		f.open(ctx, c)
	})
	return f
}

func (f *fleet) open(ctx context.Context, c config.Config) {
	agent, err := aws.Open(ctx, aws.Config{
		Namespace: c.AWS.Namespace, Group: c.AWS.Group, LaunchingHook: c.AWS.LaunchingHook, TerminatingHook: c.AWS.TerminatingHook,
		Load: f.load, Sessions: func() int { return len(f.endpoints.calls.manager.List()) },
		Ready: f.warm, Register: f.register, Drain: f.drain, Deadline: c.Serve.Drain + leaveTime, Log: f.log,
	})
	var setting *aws.SettingError
	switch {
	case err == nil:
		f.log.Info("instance of an Auto Scaling group", "instance", agent.Instance())
		agent.Start(ctx)
		f.agent = agent
	case ctx.Err() != nil:
	case f.must && errors.As(err, &setting) && setting.Setting == "group":
		f.err = fmt.Errorf("aws.group: %w", err)
	case f.must:
		f.err = fmt.Errorf("aws.enabled: %w: or set it to off", err)
	case errors.Is(err, aws.ErrElsewhere):
		f.log.Debug("no Auto Scaling group", "why", err)
	default:
		f.log.Warn("this node is no part of its Auto Scaling group (aws.enabled: auto): it publishes nothing, is not protected, and no lifecycle hook is completed", "err", err)
	}
}

// known waits until the instance is to take sessions, as it is at once outside of a group,
// and returns false where it never will be.
func (f *fleet) known(ctx context.Context) bool {
	if !f.waits {
		return true
	}
	select {
	case <-f.found:
	case <-ctx.Done():
		return false
	}
	if f.agent == nil {
		return f.err == nil
	}
	select {
	case <-f.may:
		return true
	case <-ctx.Done():
		return false
	}
}

// enter says that the engines are open, and waits as known does.
func (f *fleet) enter(ctx context.Context, d *endpoints, n *membership, gpus func(context.Context) gpu.Report) (bool, error) {
	f.endpoints, f.node, f.gpus = d, n, gpus
	close(f.ready)
	if f.known(ctx) {
		return true, nil
	}
	if ctx.Err() == nil {
		return false, f.err
	}
	return false, nil
}

// serves says that the server takes sessions.
func (f *fleet) serves() { close(f.shown) }

// warm returns when the engines are open and their nets warm.
func (f *fleet) warm(ctx context.Context) error {
	if err := until(ctx, f.ready); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for net := f.endpoints.engines.lipNet; net != nil && !net.warm(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the net that makes mouths does not get warm")
		}
	}
	return nil
}

func (f *fleet) register(ctx context.Context) error {
	f.enters.Do(func() { close(f.may) }) // it is tried again where the group changes its mind
	return until(ctx, f.shown)
}

func until(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the server does not get ready: %w", ctx.Err())
	}
}

// drain has the server leave, and returns when all is closed or ctx ends.
func (f *fleet) drain(ctx context.Context) {
	f.leave()
	<-ctx.Done()
}

// load returns how full the node is, and how its dubs fare. It is called by one goroutine.
func (f *fleet) load() aws.Load {
	manager := f.endpoints.calls.manager
	there := len(manager.List())
	used := usual * float64(there)
	if f.node != nil {
		there, used = f.node.Carries()
	}
	dubs := manager.Recent()
	all := room(used, there, manager.Places())
	l := aws.Load{Used: taken(used, all), Free: all - used, Lateness: dubs.Late, Offset: dubs.Offset}
	now, busy := time.Now(), proc.ReadMachine()
	if spent := now.Sub(f.then).Seconds() * float64(busy.CPUs); spent > 0 {
		l.CPU = 100 * part((busy.Busy-f.busy.Busy).Seconds()/spent)
	}
	f.then, f.busy = now, busy
	ctx, cancel := context.WithTimeout(context.Background(), gpuPatience)
	defer cancel()
	l.GPU, l.GPUMemory = gpuLoad(f.gpus(ctx))
	return l
}

// taken returns how much of all places is used, in percent: policies ask for that, since
// what a node can carry differs and changes. A node that can carry nothing is full.
func taken(used, all float64) float64 {
	if all <= 0 {
		return 100
	}
	return 100 * part(used/all)
}

// gpuLoad returns percents of the busiest and of the fullest GPU; nil where none tells.
func gpuLoad(r gpu.Report) (busy, memory *float64) {
	most := func(to **float64, share float64) {
		if v := 100 * part(share); *to == nil || v > **to {
			*to = &v
		}
	}
	for _, d := range r.Devices {
		if d.Busy != nil {
			most(&busy, *d.Busy)
		}
		if d.MemoryUsed != nil && d.MemoryTotal != nil && *d.MemoryTotal > 0 {
			most(&memory, *d.MemoryUsed / *d.MemoryTotal)
		}
	}
	return busy, memory
}

// Close ends it. Where the group takes the instance, it is told that nothing is left here.
func (f *fleet) Close() {
	f.cancel()
	f.looking.Wait()
	if f.agent != nil {
		f.agent.Close()
	}
}
