// Package awsfake is a fake of what a node sees of AWS: the metadata service of its
// instance, the lifecycle of Auto Scaling groups with hooks and a warm pool, and
// CloudWatch's PutMetricData. It speaks their protocols as the SDK does and looks at no
// signature. What AWS really does in an account is not tried by it.
package awsfake

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	Region  = "eu-central-1" // Region is where all instances are.
	Account = "123456789012" // Account is whose they are.

	launching   = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminating = "autoscaling:EC2_INSTANCE_TERMINATING"
)

// Hook is a lifecycle hook of a group.
type Hook struct {
	Name    string
	Timeout time.Duration // without a heartbeat
	Default Event         // Continue or Abandon, when it times out
}

// Group is an Auto Scaling group.
type Group struct {
	Name              string
	Launch, Terminate *Hook
	KeepRunning       bool          // in the warm pool
	Step              time.Duration // that an instance stays in a state which passes by itself
}

// Change is a state that an instance came to.
type Change struct {
	State State
	At    time.Time
}

// instance is one of a group.
type instance struct {
	id        string
	group     *Group
	state     State
	since     time.Time
	beat      time.Time // from when its hook's timeout counts
	protected bool
	history   []Change
}

// Fake is AWS. It has no goroutines: time passes when somebody looks.
type Fake struct {
	mu        sync.Mutex
	groups    map[string]*Group
	instances map[string]*instance
	tokens    map[string]time.Time // of the metadata service, until when
	made      int                  // names
	key       int                  // the number of the credentials that are good
	skew      time.Duration
	faults    map[Service]*fault
	data      []Datum
	requests  map[string]int
}

// New returns one without groups.
func New() *Fake {
	return &Fake{
		groups: map[string]*Group{}, instances: map[string]*instance{}, tokens: map[string]time.Time{},
		faults: map[Service]*fault{}, requests: map[string]int{},
	}
}

// AddGroup adds a group, in place of one of that name.
func (f *Fake) AddGroup(g Group) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.groups[g.Name] = &g
}

// Launch adds an instance, by Launch or, into the warm pool, by Fill. It returns its ID.
func (f *Fake) Launch(group string, e Event) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	i := &instance{id: fmt.Sprintf("i-%017x", f.made), group: f.groups[group]}
	f.instances[i.id] = i
	i.move(e, time.Now())
	i.pass(time.Now())
	return i.id
}

// Do has an event happen to an instance. It fails where it cannot, as ScaleIn does for a
// protected one.
func (f *Fake) Do(id string, e Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.instances[id]
	i.pass(time.Now())
	if i.protected && (e == ScaleIn || e == Reuse) {
		return fmt.Errorf("awsfake: instance %s is protected from scale-in", id)
	}
	if !i.move(e, time.Now()) {
		return fmt.Errorf("awsfake: instance %s in state %s: no %s", id, i.state, e)
	}
	i.pass(time.Now())
	return nil
}

// State returns the state of an instance.
func (f *Fake) State(id string) State {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.instances[id]
	i.pass(time.Now())
	return i.state
}

// Protected tells whether an instance is protected from scale-in.
func (f *Fake) Protected(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.instances[id].protected
}

// History returns the states that an instance was in.
func (f *Fake) History(id string) []Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.instances[id]
	i.pass(time.Now())
	return append([]Change(nil), i.history...)
}

// Requests returns how often something was asked for, as "PutMetricData", faults included.
func (f *Fake) Requests(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[name]
}

// move has an event happen at a moment, and returns false where the table has none.
func (i *instance) move(e Event, at time.Time) bool {
	to := next(i.state, e)
	if to == "" {
		return false
	}
	if to != InService {
		i.protected = false
	}
	i.state, i.since, i.beat = to, at, at
	i.history = append(i.history, Change{to, at})
	return true
}

// pass has happen by itself what does until now.
func (i *instance) pass(now time.Time) {
	for {
		e, at := i.itself()
		if e == "" || at.After(now) || !i.move(e, at) {
			return
		}
	}
}

// itself returns what happens to an instance by itself, and when.
func (i *instance) itself() (Event, time.Time) {
	after := i.since.Add(i.group.Step)
	h := i.hook()
	switch s := i.state; {
	case strings.HasSuffix(string(s), ":Wait"):
		return h.Default, i.beat.Add(h.Timeout)
	case s == PendingProceed || s == TerminatingProceed:
		return Proceed, after
	case s != Pending && s != Terminating && s != WarmedPending && s != WarmedProceed:
		return "", after
	case h != nil && s != WarmedProceed:
		return HookWaits, after
	case s == Pending || s == Terminating:
		return NoHook, after
	case i.group.KeepRunning:
		return PooledRun, after
	}
	return Pooled, after
}

// hook returns the hook of the transition that an instance is in; nil for none. That of an
// instance on its way back to the warm pool is the terminating one.
func (i *instance) hook() *Hook {
	if strings.HasPrefix(string(i.state), "Terminating") || strings.HasPrefix(string(i.state), "Warmed:Pending") && i.served() {
		return i.group.Terminate
	}
	return i.group.Launch
}

// served tells whether an instance was in service before.
func (i *instance) served() bool {
	for _, c := range i.history {
		if c.State == InService {
			return true
		}
	}
	return false
}

// target returns what the metadata service says of an instance.
func (i *instance) target() string {
	switch s := i.state; {
	case s == WarmedStopped || s == WarmedRunning || s == Standby:
		return string(s)
	case strings.HasPrefix(string(s), "Warmed:") && i.group.KeepRunning:
		return string(WarmedRunning)
	case strings.HasPrefix(string(s), "Warmed:"):
		return string(WarmedStopped)
	case strings.HasPrefix(string(s), "Terminat"):
		return string(Terminated)
	}
	return string(InService)
}
