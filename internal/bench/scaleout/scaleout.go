// Package scaleout measures how long an Auto Scaling group of nodes takes from a step of
// load to the first session that a new node serves, phase by phase. It reads from AWS by
// its own calls and from a gateway, so that the same measurement runs on a fake group with
// processes of this machine (Local) and in an account.
package scaleout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// Load is what is put on. Run ends what it made before it returns.
type Load interface {
	Run(ctx context.Context, sessions int) error
	State() LoadState
}

// LoadState is what has become of the load.
type LoadState struct {
	Refused      int       // tries that found no place
	FirstRefused time.Time // zero: none was
	Sessions     []SessionState
}

// SessionState is a session of the load that was made.
type SessionState struct {
	ID      string
	Made    time.Time
	Tries   int       // that were refused before
	Sounded time.Time // its first dub; zero: not yet
}

// Config says what is measured. Cloud, Gateway and Load are the caller's to close.
type Config struct {
	Cloud    *Cloud
	Gateway  Gateway
	Load     Load
	Group    string
	Sessions int           // 0: as many as fill the places that are free, and two
	Every    time.Duration // between looks at AWS
	For      time.Duration // at most, until the first sound
	ScaleIn  time.Duration // how long scale-in is waited for; 0: not at all
	Progress func(string)  // one call at a time
}

const (
	nodesEvery = 250 * time.Millisecond
	serviceFor = 30 * time.Second // after the first sound, for the instance to be in service
	overFull   = 2                // sessions more than there are places
	serving    = "serving"        // state of a node
	usual      = 1.22             // what a session takes of a node's capacity, where it has none to tell by
	deaf       = 20 * time.Second // for which the gateway may fail
)

// Plan is what a measurement would do.
type Plan struct {
	Group    *Group
	Nodes    []Node
	Sessions int
}

// Prepare looks at all that must be as it should before load is put on.
func Prepare(ctx context.Context, c Config) (Plan, error) {
	g, err := c.Cloud.Look(ctx, c.Group)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Group: g, Sessions: c.Sessions}
	if p.Nodes, err = c.Gateway.Nodes(ctx); err != nil {
		return Plan{}, err
	}
	free, serve := 0., 0
	for _, n := range p.Nodes {
		if n.State == serving {
			serve++
			each := usual
			if n.Sessions > 0 && n.Used > 0 {
				each = n.Used / float64(n.Sessions)
			}
			free += max(n.Capacity-n.Used, 0) / each
		}
	}
	if serve == 0 {
		return Plan{}, errors.New("the gateway knows no node that serves: is it of the group's cluster?")
	}
	if p.Sessions == 0 {
		p.Sessions = int(math.Round(free)) + overFull
	}
	return p, nil
}

// Measure puts the load on and measures until the new node's first dub sounds.
func Measure(ctx context.Context, c Config, p Plan, m *Marks) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := &run{cfg: c, plan: p, marks: &m.marks, began: time.Now(), heard: time.Now()}
	run.watcher = &watcher{cloud: c.Cloud, group: p.Group, began: run.began, marks: run.marks, told: run.tell, states: states{}, inService: times{}}
	loaded, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	var loadErr error
	ended := make(chan struct{})
	all.Go(func() {
		defer close(ended)
		loadErr = c.Load.Run(loaded, p.Sessions)
	})
	err := run.follow(ctx, ended)
	stop()
	all.Wait()
	if loadErr != nil && ctx.Err() == nil {
		err = errors.Join(fmt.Errorf("the load: %w", loadErr), err)
	}
	r := run.report()
	if err == nil && c.ScaleIn > 0 {
		r.ScaleIn, err = run.scaleIn(ctx)
	}
	return r, err
}

// Marks are moments that others than Measure see, as of the processes that are instances.
type Marks struct{ marks marks }

// Set notes that a step came to pass; the first time counts.
func (m *Marks) Set(s Step, at time.Time) { m.marks.set(s, at) }

// run is one measurement.
type run struct {
	cfg     Config
	plan    Plan
	marks   *marks
	began   time.Time
	watcher *watcher

	node   string // the new one that holds a session
	held   SessionState
	before LoadState // when the new node had its first
	heard  time.Time // the gateway, last

	telling sync.Mutex
}

// tell says what happened. Both who looks at AWS and who looks at nodes call it.
func (r *run) tell(what string) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.cfg.Progress(fmt.Sprintf("load + %.1f s: %s", time.Since(r.began).Seconds(), what))
}

// follow looks until all steps came to pass. ended is closed when the load is over.
func (r *run) follow(ctx context.Context, ended <-chan struct{}) error {
	clouds, nodes := time.NewTicker(r.cfg.Every), time.NewTicker(nodesEvery)
	defer clouds.Stop()
	defer nodes.Stop()
	over := time.NewTimer(r.cfg.For)
	defer over.Stop()
	var looked error
	var looking sync.WaitGroup
	busy, done := false, make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer looking.Wait()
	defer cancel()
	full := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return errors.New("it ended before the new node served")
		case <-over.C:
			return r.late()
		case looked = <-done:
			if busy = false; looked != nil {
				return looked
			}
			if r.complete() {
				return nil
			}
		case <-clouds.C:
			if !busy { // what AWS answers late keeps nobody from looking at the nodes
				busy = true
				looking.Go(func() { done <- r.watcher.look(ctx) })
			}
		case <-nodes.C:
			if err := r.lookNodes(ctx); err != nil {
				return err
			}
			if s := r.cfg.Load.State(); !full && s.Refused > 0 {
				full = true
				r.tell("the fleet is full: a session was refused")
			}
		}
	}
}

// lookNodes sees the new node, its first session and that one's sound.
func (r *run) lookNodes(ctx context.Context) error {
	if _, known := r.marks.get(Session); !known {
		all, err := r.cfg.Gateway.Nodes(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			r.heard = time.Now()
			r.place(all, r.cfg.Load.State())
		case time.Since(r.heard) > deaf:
			return err
		}
	}
	if _, known := r.marks.get(Sound); known || r.held.ID == "" {
		return nil
	}
	for _, s := range r.cfg.Load.State().Sessions {
		if s.ID == r.held.ID && !s.Sounded.IsZero() && !s.Sounded.After(time.Now()) {
			r.marks.set(Sound, s.Sounded)
			r.tell(nameOf(Sound))
		}
	}
	return nil
}

// place sees which sessions new nodes hold.
func (r *run) place(all []Node, load LoadState) {
	for _, n := range all {
		if slices.ContainsFunc(r.plan.Nodes, func(old Node) bool { return old.ID == n.ID }) || n.State != serving {
			continue
		}
		if _, known := r.marks.get(Serving); !known {
			r.marks.set(Serving, time.Now())
			r.tell(nameOf(Serving) + ": " + n.ID)
		}
		for _, s := range load.Sessions {
			if slices.Contains(n.Holds, s.ID) && (r.held.ID == "" || s.Made.Before(r.held.Made)) {
				r.node, r.held, r.before = n.ID, s, load
			}
		}
	}
	if r.held.ID != "" {
		r.marks.set(Session, r.held.Made)
		r.tell(nameOf(Session) + " at " + r.node)
	}
}

// complete tells whether all was seen, the instance in service, too, for which there is a bound.
func (r *run) complete() bool {
	at, known := r.marks.get(Sound)
	if !known {
		return false
	}
	_, serves := r.watcher.inService[r.instance()]
	return serves || time.Since(at) > serviceFor
}

// late tells what did not come to pass in time.
func (r *run) late() error {
	i := r.marks.last() + 1
	if i < len(steps) && steps[i].step == Process {
		i++
	}
	if i >= len(steps) {
		return nil
	}
	return fmt.Errorf("after %v: %s", r.cfg.For, steps[i].next)
}

// instance returns the new instance whose node it is: nodes bear their instance's ID where
// the image of deploy/packer names them, else the first that was in service.
func (r *run) instance() string {
	if _, known := r.watcher.states[r.node]; known {
		return r.node
	}
	first := ""
	for _, id := range r.watcher.launched() {
		at, serves := r.watcher.inService[id]
		if first == "" || serves && (r.watcher.inService[first].IsZero() || at.Before(r.watcher.inService[first])) {
			first = id
		}
	}
	return first
}

// report returns what was measured until now.
func (r *run) report() Report {
	s := Report{
		Start: "cold", Group: *r.plan.Group, Instance: r.instance(), Node: r.node, Alarm: r.watcher.alarm, Phases: r.marks.phases(r.began),
		Sessions: r.plan.Sessions, Refused: r.before.Refused, Launched: len(r.watcher.states), Retries: r.cfg.Cloud.Retries(), EveryS: r.cfg.Every.Seconds(),
	}
	if r.watcher.group.pool[s.Instance] || s.Instance == "" && r.watcher.warm {
		s.Start = "warm"
	}
	decided := 0.
	for _, p := range s.Phases {
		switch p.Step {
		case Decided:
			decided = p.AtS
		case Session:
			s.SessionS, s.DecisionS = p.AtS, round(p.AtS-decided)
		case Sound:
			s.SoundS = p.AtS
		}
	}
	since := func(at time.Time) *float64 {
		if at.IsZero() {
			return nil
		}
		v := seconds(at.Sub(r.began))
		return &v
	}
	s.InServiceS, s.FullS = since(r.watcher.inService[s.Instance]), since(r.before.FirstRefused)
	for _, x := range r.cfg.Load.State().Sessions {
		if x.Tries > 0 {
			s.Waited++
		}
	}
	return s
}
