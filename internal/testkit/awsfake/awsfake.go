// Package awsfake is a fake of what nodes and their operator see of AWS: the metadata
// service of an instance, Auto Scaling groups with sizes, hooks, a warm pool and scaling
// policies, and CloudWatch's metrics and alarms. It speaks their protocols as the SDK does
// and looks at no signature. The life of instances and what policies do is package asg's.
// What AWS really does in an account is not tried by it.
package awsfake

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"livedub/internal/testkit/asg"
)

const (
	Region  = "eu-central-1" // Region is where all instances are.
	Account = "123456789012" // Account is whose they are.

	launching   = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminating = "autoscaling:EC2_INSTANCE_TERMINATING"
)

// Group is an Auto Scaling group. Callbacks are called one after the other, in the order of
// what they tell, by whoever lets time pass; they must return soon, and may use the Fake.
type Group struct {
	Name string
	asg.Config
	EC2      EC2
	Policies []Policy
	Delay    time.Duration // that CloudWatch takes to show a value

	Start   func(id string, warm bool) // EC2 runs the instance; warm: it has run before, and runs no user data
	Stop    func(id string)            // EC2 begins to stop or end it, or has lost it
	Changed func(asg.Change)           // the instance changed its state
}

// EC2 is how long EC2 takes.
type EC2 struct {
	Cold time.Duration // to run a new instance
	Warm time.Duration // to run a stopped one
	Stop time.Duration // to stop or end one
}

// Policy is a scaling policy of a group, on the mean of a metric over the group's nodes.
type Policy struct {
	Name      string
	Namespace string
	asg.Policy
}

// instance is one of a group, also after its end.
type instance struct {
	id      string
	group   *group
	state   asg.State
	ran     bool // it has run before
	runs    bool // EC2 runs it
	history []asg.Change
}

// group is a Group at work.
type group struct {
	Group
	sizes      *asg.Group
	timers     []timer // of EC2, in no order
	alarms     []*alarm
	scalers    []*asg.Scaler
	created    time.Time
	looked     time.Time // at the alarms
	activities []*activity
	because    string // of what happens now
}

// Fake is AWS. It has no goroutines: time passes when somebody looks, or calls Step.
type Fake struct {
	mu        sync.Mutex
	groups    map[string]*group
	instances map[string]*instance
	tokens    map[string]time.Time // of the metadata service, until when
	launched  int                  // instances
	made      int                  // tokens and activities
	key       int                  // the number of the credentials that are good
	skew      time.Duration
	faults    map[Service]*fault
	data      []Datum
	series    map[string][]Datum // the same, by what they are of
	requests  map[string]int
	told      []func() // callbacks that wait
	telling   bool
}

// New returns one without groups. Its instances have names that those of another have not:
// of all processes on a machine one speaks for an instance, and two fakes may be in one.
func New() *Fake {
	return &Fake{
		launched: rand.IntN(1 << 60),
		groups:   map[string]*group{}, instances: map[string]*instance{}, tokens: map[string]time.Time{},
		faults: map[Service]*fault{}, requests: map[string]int{}, series: map[string][]Datum{},
	}
}

// AddGroup adds a group of the smallest size and fills its warm pool. It takes the place of
// one of that name.
func (f *Fake) AddGroup(g Group) {
	defer f.tell()
	f.mu.Lock()
	defer f.mu.Unlock()
	at := time.Now()
	g.ID = func(int) string {
		f.launched++
		return fmt.Sprintf("i-%017x", f.launched)
	}
	in := &group{Group: g, created: at, looked: at, because: "At " + at.UTC().Format(time.RFC3339) + " a user request created the Auto Scaling group"}
	for _, p := range g.Policies {
		in.scalers = append(in.scalers, asg.NewScaler(p.Policy))
		in.alarms = append(in.alarms, newAlarms(g.Name, p, at)...)
	}
	f.groups[g.Name] = in
	var first []asg.Change
	in.sizes, first = asg.NewGroup(at, g.Config)
	f.apply(in, first)
	f.step(at)
}

// Instances returns the instances of a group that have not ended, in the order of their launch.
func (f *Fake) Instances(group string) []asg.Instance {
	defer f.now()()
	return f.groups[group].sizes.Instances()
}

// Desired returns the size that a group wants.
func (f *Fake) Desired(group string) int {
	defer f.now()()
	return f.groups[group].sizes.Desired()
}

// State returns the state of an instance; that of one which has ended is its last.
func (f *Fake) State(id string) asg.State {
	defer f.now()()
	return f.instances[id].state
}

// Protected tells whether an instance is protected from scale-in.
func (f *Fake) Protected(id string) bool {
	defer f.now()()
	in, _ := f.instances[id].group.sizes.Instance(id)
	return in.Protected
}

// History returns what an instance went through.
func (f *Fake) History(id string) []asg.Change {
	defer f.now()()
	return append([]asg.Change(nil), f.instances[id].history...)
}

// Requests returns how often something was asked for, as "PutMetricData", faults included.
func (f *Fake) Requests(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[name]
}

// Launch has a group want one more, and returns the ID of the instance that it takes.
func (f *Fake) Launch(group string) string {
	defer f.now()()
	g := f.groups[group]
	changes := f.want(g, g.sizes.Desired()+1)
	if len(changes) == 0 {
		return ""
	}
	return changes[0].Instance
}

// SetDesired has a group want n instances, within its bounds.
func (f *Fake) SetDesired(group string, n int) {
	defer f.now()()
	f.want(f.groups[group], n)
}

// Complete completes the hook that an instance waits for, as somebody else may.
func (f *Fake) Complete(id string, result asg.Event) error {
	return f.request(id, "a lifecycle action was completed", func(g *asg.Group, at time.Time) ([]asg.Change, error) { return g.Complete(at, id, result) })
}

// Terminate has the group end an instance, protected or not, and want one less.
func (f *Fake) Terminate(id string) error {
	return f.request(id, "instance "+id+" was taken out of service in response to a user request", func(g *asg.Group, at time.Time) ([]asg.Change, error) { return g.End(at, id) })
}

// Standby has the group take an instance out of service, and want one less.
func (f *Fake) Standby(id string) error {
	return f.request(id, "instance "+id+" was moved to standby in response to a user request", func(g *asg.Group, at time.Time) ([]asg.Change, error) { return g.Rest(at, id) })
}

// Return has it put back.
func (f *Fake) Return(id string) error {
	return f.request(id, "instance "+id+" was moved out of standby in response to a user request", func(g *asg.Group, at time.Time) ([]asg.Change, error) { return g.Return(at, id) })
}

// Lose has EC2 end an instance without a word to the group, as a host that breaks does.
func (f *Fake) Lose(id string) error {
	return f.request(id, "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped", func(g *asg.Group, at time.Time) ([]asg.Change, error) {
		changes, err := g.Lose(at, id)
		if err == nil {
			f.halt(f.instances[id])
		}
		return changes, err
	})
}

func (f *Fake) request(id, because string, do func(*asg.Group, time.Time) ([]asg.Change, error)) error {
	defer f.now()()
	in, at := f.instances[id], time.Now()
	changes, err := do(in.group.sizes, at)
	if err != nil {
		return fmt.Errorf("awsfake: %w", err)
	}
	f.act(in.group, at, because, changes)
	return nil
}

// want has a group want n instances because a user asked for it.
func (f *Fake) want(g *group, n int) []asg.Change {
	at, before := time.Now(), g.sizes.Desired()
	changes := g.sizes.SetDesired(at, n)
	f.act(g, at, fmt.Sprintf("a user request explicitly set group desired capacity changing the desired capacity from %d to %d", before, g.sizes.Desired()), changes)
	return changes
}
