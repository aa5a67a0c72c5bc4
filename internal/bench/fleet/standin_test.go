package fleet

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	cloud "livedub/cluster/aws"
	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// role is what the metadata service of the fake hands out, until it has it expire.
type role struct{}

// Retrieve is part of aws.CredentialsProvider.
func (role) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "ASIAFAKE000000000000", SecretAccessKey: "fake", SessionToken: "fake"}, nil
}

// account is the fake with a group, stand-ins for its nodes, and callers. Stand-ins do what
// cluster/aws has a node do, but at once, as the simulation has it: they hear of a change when it
// happens, and lift their protection with the last session.
type account struct {
	t     *testing.T
	f     *Frozen
	fake  *awsfake.Fake
	group awsfake.Group
	ctx   context.Context
	all   sync.WaitGroup
	real  bool // agents of cluster/aws take the place of stand-ins

	mu      sync.Mutex
	nodes   []*standin // in the order of their launch
	changes []asg.Change
}

// standin is a machine of the group.
type standin struct {
	*account
	id     string
	state  asg.State // by the group's events
	used   int
	serves bool
	leaves bool
	booted bool
	off    bool

	agent    *cloud.Agent
	metadata *imds.Client
	groups   *autoscaling.Client
	watch    *cloudwatch.Client
}

// play lets the calls come to a group of the fake, and returns what its instances went through.
func play(t *testing.T, real bool, f *Frozen, cfg asg.Config, policies []asg.Policy, todo []call, end time.Duration) []asg.Change {
	ctx, stop := context.WithCancel(t.Context())
	a := &account{t: t, f: f, ctx: ctx, fake: awsfake.New(), real: real}
	cfg.Launch.Name, cfg.Terminate.Name = "up", "down"
	a.group = awsfake.Group{
		Name: "nodes", Config: cfg, Delay: time.Duration(f.PublishDelayS) * time.Second,
		EC2:     awsfake.EC2{Cold: seconds(f.Boot.Cold.LaunchS), Warm: seconds(f.Boot.Warm.LaunchS), Stop: seconds(f.Boot.StopS)},
		Changed: a.changed, Start: a.start, Stop: a.stop,
	}
	for i, p := range policies {
		a.group.Policies = append(a.group.Policies, awsfake.Policy{Name: fmt.Sprint("policy ", i), Namespace: "DeepLearning", Policy: p})
	}
	a.fake.AddGroup(a.group)
	a.all.Go(func() { a.fake.Run(ctx) })
	if !real {
		a.all.Go(a.publish)
	}
	for _, c := range todo {
		a.all.Go(func() { a.call(c) })
	}
	time.Sleep(end)
	a.mu.Lock()
	defer a.mu.Unlock()
	changes := slices.Clone(a.changes)
	a.mu.Unlock()
	stop()
	a.all.Wait()
	a.mu.Lock()
	return changes
}

// sleep waits, and returns false when the play is over.
func (a *account) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.ctx.Done():
		return false
	}
}

func (a *account) node(id string) *standin {
	for _, n := range a.nodes {
		if n.id == id {
			return n
		}
	}
	at := awsfake.Instance{Fake: a.fake, ID: id}
	cfg := aws.Config{Region: awsfake.Region, DisableRequestCompression: true, Credentials: role{}, HTTPClient: at, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	n := &standin{account: a, id: id, metadata: imds.New(imds.Options{HTTPClient: at, Retryer: aws.NopRetryer{}, EnableFallback: aws.FalseTernary}),
		groups: autoscaling.NewFromConfig(cfg), watch: cloudwatch.NewFromConfig(cfg)}
	a.nodes = append(a.nodes, n)
	return n
}

// changed hears of every change, as by EventBridge.
func (a *account) changed(c asg.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes = append(a.changes, c)
	n := a.node(c.Instance)
	n.state = c.To
	switch {
	case a.real: // an agent hears of it by itself
	case c.To == asg.Pending:
		n.leaves, n.off = false, false
	case c.To == asg.WarmedStopped:
		n.off = true
	case c.To == asg.Terminating, c.To == asg.WarmedTerminating, c.On == asg.Reuse:
		n.serves, n.leaves = false, true
	case c.To.Waits() && n.leaves && n.used == 0 && !n.off:
		a.all.Go(n.drained)
	case c.To.Ended():
		a.nodes = slices.DeleteFunc(a.nodes, func(m *standin) bool { return m == n })
	}
}

// start is a machine that EC2 runs: it boots, and completes the hook.
func (a *account) start(id string, warm bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.node(id)
	if a.real {
		a.all.Go(n.serve)
		return
	}
	a.all.Go(func() { n.boot(warm) })
}

func (n *standin) boot(warm bool) {
	n.mu.Lock()
	p, into := n.f.Boot.Cold, n.state
	if n.booted {
		p = n.f.Boot.Warm
	}
	if warm != (p == n.f.Boot.Warm) {
		n.t.Errorf("%s: EC2 says warm: %v", n.id, warm)
	}
	n.mu.Unlock()
	if !n.sleep(seconds(p.BootS) + seconds(p.DriverS) + seconds(p.EnginesS) + seconds(p.RegisterS)) {
		return
	}
	target := n.target()
	n.mu.Lock()
	n.booted = true
	late := n.state != into
	if !late && target == "InService" {
		n.serves = true
	}
	n.mu.Unlock()
	if !late {
		n.complete("up")
	}
}

// target asks the metadata service where the instance is to go.
func (n *standin) target() string {
	out, err := n.metadata.GetMetadata(n.ctx, &imds.GetMetadataInput{Path: "autoscaling/target-lifecycle-state"})
	if err != nil {
		n.t.Errorf("%s: %v", n.id, err)
		return ""
	}
	defer out.Content.Close()
	text, err := io.ReadAll(out.Content)
	if err != nil {
		n.t.Errorf("%s: %v", n.id, err)
	}
	return strings.TrimSpace(string(text))
}

func (n *standin) complete(hook string) {
	if _, err := n.groups.CompleteLifecycleAction(n.ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &n.group.Name, LifecycleHookName: &hook, InstanceId: &n.id, LifecycleActionResult: aws.String("CONTINUE")}); err != nil {
		n.t.Errorf("%s: %v", n.id, err)
	}
}

// drained completes the terminating hook of a machine without sessions.
func (n *standin) drained() {
	if n.sleep(seconds(n.f.Boot.DrainS)) {
		n.complete("down")
	}
}

func (n *standin) protect(on bool) {
	if _, err := n.groups.SetInstanceProtection(n.ctx, &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: &n.group.Name, InstanceIds: []string{n.id}, ProtectedFromScaleIn: &on}); err != nil {
		n.t.Errorf("%s: %v", n.id, err)
	}
}

// publish has every node in service publish its load, all at the same moments as the simulation's do.
func (a *account) publish() {
	for a.sleep(time.Duration(a.f.SampleS) * time.Second) {
		a.mu.Lock()
		nodes := slices.Clone(a.nodes)
		a.mu.Unlock()
		for _, n := range nodes {
			a.mu.Lock()
			used, in := float64(n.used), n.state == asg.InService
			a.mu.Unlock()
			if !in {
				continue
			}
			var data []types.MetricDatum
			for name, value := range map[string]float64{
				metricCPU:       min(a.f.Node.CPUBasePct+a.f.Node.CPUSessionPct*used, 100),
				metricGPUMemory: min(a.f.Node.GPUMemoryBasePct+a.f.Node.GPUMemorySessionPct*used, 100),
				metricUsed:      100 * used / float64(a.f.Node.Places),
			} {
				data = append(data, types.MetricDatum{MetricName: &name, Value: &value, Timestamp: aws.Time(time.Now()), StorageResolution: aws.Int32(1),
					Dimensions: []types.Dimension{{Name: aws.String("AutoScalingGroupName"), Value: &a.group.Name}}})
			}
			if _, err := n.watch.PutMetricData(a.ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("DeepLearning"), MetricData: data}); err != nil {
				a.t.Errorf("%s: %v", n.id, err)
			}
		}
	}
}

// call is a caller who comes, tries until his patience ends, speaks and goes.
func (a *account) call(c call) {
	if !a.sleep(c.at) {
		return
	}
	for waited := time.Duration(0); ; waited += seconds(a.f.Call.RetryAfterS) {
		if waited > seconds(a.f.Call.PatienceS) {
			return
		}
		n, first := a.place()
		if n == nil {
			if !a.sleep(seconds(a.f.Call.RetryAfterS)) {
				return
			}
			continue
		}
		if first {
			n.protect(true)
		}
		if a.sleep(c.length) {
			n.hangUp()
		}
		return
	}
}

// place takes a place on the fullest node that has one.
func (a *account) place() (to *standin, protect bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.nodes {
		if n.serves && n.used < a.f.Node.Places && (to == nil || n.used > to.used) {
			to = n
		}
	}
	if to == nil {
		return nil, false
	}
	to.used++
	return to, to.used == 1 && to.state == asg.InService && !a.real
}

func (n *standin) hangUp() {
	n.mu.Lock()
	n.used--
	free := n.used == 0
	drains, lifts := free && n.leaves, free && n.state == asg.InService
	n.mu.Unlock()
	switch {
	case drains:
		n.drained()
	case lifts && !n.real:
		n.protect(false)
	}
}
