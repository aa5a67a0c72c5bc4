package aws

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

const (
	launching   = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminating = "autoscaling:EC2_INSTANCE_TERMINATING"

	goOn    = "CONTINUE"
	abandon = "ABANDON"

	beatUnknown = 20 * time.Second // between heartbeats of a hook whose timeout AWS does not tell
	noneTries   = 5                // looks at a state in which an action waits, and none does
)

// hook is a lifecycle hook of the group.
type hook struct {
	name, transition string
	timeout          time.Duration // without a heartbeat; 0 is unknown
}

// phase is what is done about a target state.
type phase struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (p *phase) end() {
	if p != nil {
		p.cancel()
		<-p.done
	}
}

// watch looks where the instance is to go, and has a phase take it there. Once it drains
// nothing else is done.
func (a *Agent) watch(ctx context.Context) {
	var now *phase
	defer func() { now.end() }()
	telling := trouble{log: a.cfg.Log, what: "target lifecycle state"}
	last := ""
	for {
		wait := lookEvery
		switch target, err := a.cloud.target(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = max(wait, telling.note(err))
		case target != last && target != "":
			telling.note(nil)
			last = target
			a.counts.change(func(s *Stats) { s.Target = target })
			if do, leaves := a.about(target); do != nil {
				now.end()
				now = a.begin(ctx, target, do, leaves)
				if leaves {
					<-ctx.Done()
					return
				}
			}
		default:
			telling.note(nil)
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// about returns what to do about a target state, nil for nothing, as about Standby, and
// whether the instance leaves.
func (a *Agent) about(target string) (do func(context.Context, string), leaves bool) {
	switch {
	case target == "InService":
		return a.serve, false
	case strings.HasSuffix(target, "Terminated"), InPool(target) && a.registered.Load():
		return a.drain, true
	case InPool(target):
		return a.warm, false
	}
	return nil, false
}

func (a *Agent) begin(ctx context.Context, target string, do func(context.Context, string), leaves bool) *phase {
	ctx, cancel := context.WithCancel(ctx)
	p := &phase{cancel, make(chan struct{})}
	if leaves {
		a.mu.Lock()
		a.draining = p
		a.mu.Unlock()
	}
	go func() { // end waits for it
		defer close(p.done)
		do(ctx, target)
	}()
	return p
}

// warm tries the node out on its way into the warm pool. It takes no sessions there.
func (a *Agent) warm(ctx context.Context, target string) {
	a.prepare(ctx, target)
}

// prepare has the node ready. It returns false where it is not: the group replaces it.
func (a *Agent) prepare(ctx context.Context, target string) bool {
	var err error
	a.beating(ctx, launching, func() {
		limited, cancel := context.WithTimeout(ctx, readyTime)
		defer cancel()
		if err = a.cfg.Ready(limited); err == nil && target == "InService" && !a.registered.Load() {
			if err = a.cfg.Register(limited); err == nil {
				a.registered.Store(true)
			}
		}
	})
	result := goOn
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		a.cfg.Log.Error("this instance cannot serve: its group is told to replace it", "instance", a.cloud.instance, "err", err)
		result = abandon
	}
	a.complete(ctx, launching, target, result)
	return err == nil && ctx.Err() == nil
}

// serve has the node take sessions.
func (a *Agent) serve(ctx context.Context, target string) {
	if !a.prepare(ctx, target) {
		return
	}
	// The group protects no instance that is not in service yet.
	telling := trouble{log: a.cfg.Log, what: "lifecycle state"}
	for {
		is, err := a.cloud.describe(ctx)
		if err == nil && is.state == target {
			a.serving.Store(true)
			return
		}
		if ctx.Err() != nil || !sleep(ctx, max(telling.note(err), lookEvery)) {
			return
		}
	}
}

// drain lets the sessions come to their end before the instance goes.
func (a *Agent) drain(ctx context.Context, target string) {
	a.serving.Store(false)
	a.cfg.Log.Info("the group takes this instance: it drains", "instance", a.cloud.instance, "target", target)
	a.beating(ctx, terminating, func() {
		limited, cancel := context.WithTimeout(ctx, a.cfg.Deadline)
		defer cancel()
		var left sync.WaitGroup
		defer left.Wait()
		ended := make(chan struct{})
		defer close(ended)
		left.Go(func() {
			select {
			case <-a.gone:
				cancel()
			case <-ended:
			}
		})
		a.cfg.Drain(limited)
	})
	a.complete(ctx, terminating, target, goOn)
}

// beating does work while hooks of a transition are kept waiting by heartbeats.
func (a *Agent) beating(ctx context.Context, transition string, work func()) {
	ctx, stop := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { a.beat(ctx, transition) })
	work()
	stop()
	beats.Wait()
}

func (a *Agent) beat(ctx context.Context, transition string) {
	telling := trouble{log: a.cfg.Log, what: "heartbeats of lifecycle hooks"}
	for {
		group, hooks, err := a.findHooks(ctx, transition)
		every := beatUnknown
		for _, h := range hooks {
			if err != nil {
				break
			}
			if h.timeout > 0 {
				every = min(every, h.timeout/3)
			}
			if err = a.cloud.heartbeat(ctx, group, h.name); err == nil {
				a.counts.change(func(s *Stats) { s.Heartbeats++ })
			} else if noAction(err) { // it waits not yet, or no more
				err = nil
			}
		}
		if ctx.Err() != nil {
			return
		}
		wait := telling.note(err)
		if err == nil {
			wait = every
		}
		if !sleep(ctx, min(wait, every)) {
			return
		}
	}
}

// complete tells the group that what a hook waits for is done, until it has heard it, or
// nothing waits any more.
func (a *Agent) complete(ctx context.Context, transition, target, result string) {
	telling := trouble{log: a.cfg.Log, what: "lifecycle action"}
	for none := 0; ; {
		is, err := a.cloud.describe(ctx)
		over := is.state == target || strings.HasSuffix(is.state, ":Proceed")
		// A launch must not complete a termination that nothing has been drained for yet.
		if err == nil && strings.HasSuffix(is.state, "Pending:Wait") || transition == terminating && strings.HasSuffix(is.state, ":Wait") {
			a.setGroup(is.group)
			var done bool
			if done, err = a.answer(ctx, transition, result); done {
				a.counts.change(func(s *Stats) { s.Completed++ })
				a.cfg.Log.Info("lifecycle action completed", "instance", a.cloud.instance, "target", target, "result", result)
				return
			}
			if err == nil {
				none++
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNoInstance), over && none > 0, none >= noneTries:
			a.counts.change(func(s *Stats) { s.Late++ })
			a.cfg.Log.Warn("a lifecycle action had ended before it was completed: is the hook's timeout too short?", "instance", a.cloud.instance, "target", target)
			return
		case over:
			return
		}
		if !sleep(ctx, max(telling.note(err), lookEvery)) {
			return
		}
	}
}

// answer completes the action of a hook that waits: one of that transition, or of the
// other, since an instance on its way back to the warm pool is launched and terminated.
func (a *Agent) answer(ctx context.Context, transition, result string) (bool, error) {
	other := launching
	if transition == launching {
		other = terminating
	}
	for _, t := range []string{transition, other} {
		group, hooks, err := a.findHooks(ctx, t)
		if err != nil {
			return false, err
		}
		for _, h := range hooks {
			switch err := a.cloud.complete(ctx, group, h.name, result); {
			case err == nil:
				return true, nil
			case !noAction(err):
				return false, err
			}
		}
	}
	return false, nil
}

// findHooks returns the group's hooks of a transition, which AWS is asked for until it told.
func (a *Agent) findHooks(ctx context.Context, transition string) (group string, of []hook, err error) {
	if group, err = a.findGroup(ctx); err != nil {
		return "", nil, err
	}
	name := a.cfg.LaunchingHook
	if transition == terminating {
		name = a.cfg.TerminatingHook
	}
	a.mu.Lock()
	all := a.hooks
	a.mu.Unlock()
	if all == nil {
		if all, err = a.cloud.describeHooks(ctx, group); err == nil {
			a.mu.Lock()
			a.hooks = all
			a.mu.Unlock()
		}
	}
	for _, h := range all {
		if h.transition == transition && (name == "" || name == h.name) {
			of = append(of, h)
		}
	}
	if err != nil && name != "" { // its name is all that is needed
		return group, []hook{{name: name, transition: transition}}, nil
	}
	return group, of, err
}
