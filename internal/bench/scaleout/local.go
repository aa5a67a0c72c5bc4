package scaleout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
	"livedub/internal/testkit/redisproc"
)

const (
	group      = "livedub-nodes"
	namespace  = "DeepLearning"
	metric     = "UsedCapacity"
	secret     = "0123456789abcdef-of-scaleout-only"
	most       = 2                // instances
	target     = .56              // of a node's places, as deploy/terraform has it
	period     = 10 * time.Second // of the metric
	warmup     = 20 * time.Second // of the policy
	showAfter  = 5 * time.Second  // that CloudWatch takes to show a value: frozen.json's publish_delay_s
	hookTime   = 2 * time.Minute
	passTime   = 500 * time.Millisecond // of a state that passes by itself
	delayMS    = 2000                   // D of the calls
	restFor    = 2 * time.Minute        // beyond its boot, for the group to be at rest
	restPoints = 6                      // of the metric before the load: alarms look back at five
	localEvery = 500 * time.Millisecond
	localFor   = 2 * time.Minute // beyond a boot
)

// LocalConfig says what is run on this machine.
type LocalConfig struct {
	Bin      string // folder with livedub and gateway
	Places   int    // of a node
	Warm     bool   // an instance waits in the warm pool
	Cold     time.Duration
	Thaw     time.Duration // from stopped to running
	Stop     time.Duration
	Material *caller.Material // Tones
	Progress func(string)
}

// Local measures a fake group whose instances are processes of this machine.
func Local(ctx context.Context, c LocalConfig) (r Report, err error) {
	dir, err := os.MkdirTemp("", "livedub-scaleout-")
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := &local{cfg: c, dir: dir, fake: awsfake.New(), machines: map[string]*machine{}, marks: &Marks{}}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.start(ctx); err != nil {
		return Report{}, err
	}
	peers, err := caller.NewPeers()
	if err != nil {
		return Report{}, err
	}
	client := caller.NewClient(l.base, "", 32)
	defer client.Close()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	delay := delayMS
	boot := c.Cold
	if c.Warm {
		boot = c.Thaw
	}
	m := Config{
		Cloud:   newCloud(sdk.Config{Region: awsfake.Region, Credentials: sdk.CredentialsProviderFunc(l.operator), HTTPClient: awsfake.Instance{Fake: l.fake}, Retryer: once}),
		Gateway: Front{Base: l.base, HTTP: web}, Group: group, Sessions: c.Places + overFull, Every: localEvery, For: localFor + boot, Progress: c.Progress,
		Load: &Callers{Client: client, Peers: peers, Material: c.Material, Wanted: caller.Wanted{From: "en", To: []string{"es"}, DelayMS: &delay}},
	}
	if err := l.rest(ctx, m.Gateway); err != nil {
		return Report{}, err
	}
	p, err := Prepare(ctx, m)
	if err != nil {
		return Report{}, err
	}
	l.began.Store(true)
	r, err = Measure(ctx, m, p, l.marks)
	for i := range r.Phases {
		r.Phases[i].Real = r.Phases[i].By == "livedub"
	}
	r.Conditions = l.conditions(r)
	if err != nil {
		err = fmt.Errorf("%w: the nodes' last words: %s", err, l.printed())
	}
	return r, err
}

// local is what runs here.
type local struct {
	cfg   LocalConfig
	dir   string
	fake  *awsfake.Fake
	redis *redisproc.Server
	gate  *clusterrig.Process
	base  string
	marks *Marks
	began began

	time sync.WaitGroup // of the fake
	stop context.CancelFunc

	mu       sync.Mutex
	machines map[string]*machine // by instance
	failed   error               // why one could not be started
}

// start starts all but the instances' processes, which the group starts.
func (l *local) start(ctx context.Context) (err error) {
	for _, program := range []string{"livedub", "gateway"} {
		if _, err := os.Stat(filepath.Join(l.cfg.Bin, program)); err != nil {
			return fmt.Errorf("%w: run make build", err)
		}
	}
	if l.redis, err = redisproc.New(l.dir); err != nil {
		return err
	}
	if err := l.redis.Start(); err != nil {
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	l.base = "http://" + addr
	l.gate = clusterrig.NewProcess("gateway", addr, filepath.Join(l.cfg.Bin, "gateway"),
		append(l.member(), "--listen", addr), []string{"XDG_STATE_HOME=" + l.dir})
	if err := l.gate.Start(); err != nil {
		return err
	}
	g := awsfake.Group{
		Name: group, EC2: awsfake.EC2{Cold: l.cfg.Cold, Warm: l.cfg.Thaw, Stop: l.cfg.Stop}, Delay: showAfter, Start: l.run, Stop: l.halt,
		Config: asg.Config{
			Min: 1, Max: most, Pass: passTime,
			Launch:    asg.Hook{On: true, Name: "ready", Timeout: hookTime, Default: asg.Abandon},
			Terminate: asg.Hook{On: true, Name: "drain", Timeout: hookTime, Default: asg.Continue},
		},
		Policies: []awsfake.Policy{{Name: "used-capacity", Namespace: namespace, Policy: asg.Tracking(metric, target*float64(l.cfg.Places), period, warmup)}},
	}
	if l.cfg.Warm {
		g.Prepared, g.Reuse = most, true
	}
	l.fake.AddGroup(g)
	ctx, l.stop = context.WithCancel(ctx)
	l.time.Go(func() { l.fake.Run(ctx) })
	return nil
}

// operator has the credentials of somebody who may look at the group.
func (l *local) operator(context.Context) (sdk.Credentials, error) {
	return sdk.Credentials{AccessKeyID: l.fake.Key(), SecretAccessKey: "fake", SessionToken: "fake", Source: "scaleout"}, nil
}

// member returns the settings by which a program belongs to the cluster. All callers are
// one machine here: its limits are not what is measured.
func (l *local) member() []string {
	return []string{"--cluster-url", "redis://" + l.redis.Addr, "--cluster-secret", secret, "--limits-requests", "0", "--limits-connections", "0"}
}

// rest waits until the group has one node that serves, and its warm pool is full.
func (l *local) rest(ctx context.Context, g Gateway) error {
	l.cfg.Progress(fmt.Sprintf("the group starts its first instance (%v), which then publishes for a minute", l.cfg.Cold))
	for until := time.Now().Add(l.cfg.Cold + l.cfg.Stop + restFor); ; {
		serves, waits := 0, 0
		for _, i := range l.fake.Instances(group) {
			switch i.State {
			case asg.InService:
				serves++
			case asg.WarmedStopped:
				waits++
			}
		}
		nodes, err := g.Nodes(ctx)
		l.mu.Lock()
		failed := l.failed
		l.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case failed != nil:
			return failed
		case err == nil && len(nodes) == 1 && nodes[0].State == serving && serves == 1 && (waits == 1) == l.cfg.Warm && l.points() >= restPoints:
			return nil
		case time.Now().After(until):
			return fmt.Errorf("the group did not come to rest: %d instances in service, %d in the warm pool, %d nodes (%v): %s", serves, waits, len(nodes), err, l.printed())
		}
		if !sleep(ctx, localEvery) {
			return ctx.Err()
		}
	}
}

// points returns how many data points of the policy's metric were published.
func (l *local) points() int {
	n := 0
	for _, d := range l.fake.Data() {
		if d.Name == metric && len(d.Dimensions) == 1 {
			n++
		}
	}
	return n
}

// conditions are what a reader of the report must know.
func (l *local) conditions(r Report) []string {
	c := l.cfg
	all := []string{
		fmt.Sprintf("real: Redis, a gateway, a livedub process for each instance, %d callers with a speaker and a viewer each, metrics sent every 10 s, hooks, registration; the node's engines are fakes, which need no weights loaded", r.Sessions),
		fmt.Sprintf("made up: AWS. CloudWatch shows a value after %v, target tracking wants 3 data points of %v over %g %% of %d places; EC2 takes %v for a new instance, %v for a stopped one", showAfter, period, target*100, c.Places, c.Cold, c.Thaw),
	}
	if pool := l.pool(r.Instance); pool != "" {
		all = append(all, pool)
	}
	return all
}

// pool tells how long an instance was in its first hook in the warm pool.
func (l *local) pool(id string) string {
	var from, until time.Time
	if id == "" {
		return ""
	}
	for _, c := range l.fake.History(id) {
		switch {
		case c.To == asg.WarmedPendingWait && from.IsZero():
			from = c.At
		case c.To == asg.WarmedPendingProceed && until.IsZero():
			until = c.At
		}
	}
	if from.IsZero() || until.IsZero() {
		return ""
	}
	return fmt.Sprintf("before the load the instance had run once, for the warm pool: its process started, tried itself out and completed the hook in %.1f s (real)", until.Sub(from).Seconds())
}

// close ends everything.
func (l *local) close() error {
	if l.stop != nil {
		l.stop()
		l.time.Wait()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var all error
	for _, m := range l.machines {
		all = errors.Join(all, m.close())
	}
	if l.gate != nil {
		all = errors.Join(all, l.gate.End())
	}
	if l.redis != nil {
		l.redis.Kill()
	}
	return all
}

// freeAddr returns an address of this machine that can be listened on, and again.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
