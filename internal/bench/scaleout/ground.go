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
	"livedub/internal/testkit/clusterrig"
	"livedub/internal/testkit/redisproc"
)

// GroupName is the group's.
const GroupName = "livedub-nodes"

const (
	namespace = "DeepLearning"
	metric    = "UsedCapacity"
	secret    = "0123456789abcdef-of-scaleout-only"
	most      = 2                // instances
	target    = 56.              // percent of places in use, as deploy/terraform has it
	period    = 10 * time.Second // of the metric
	warmup    = 20 * time.Second // of the policy
	showAfter = 5 * time.Second  // that CloudWatch takes to show a value: frozen.json's publish_delay_s
	hookTime  = 2 * time.Minute
	passTime  = 500 * time.Millisecond // of a state that passes by itself
	restFor   = 2 * time.Minute        // beyond its boot, for the group to be at rest
)

// GroundConfig says what runs on this machine.
type GroundConfig struct {
	Bin      string // folder with livedub and gateway
	Places   int    // of a node
	Warm     bool   // an instance waits in the warm pool
	Light    bool   // nodes have the light engines, not fakes
	Cold     time.Duration
	Thaw     time.Duration // from stopped to running
	Stop     time.Duration
	Idle     int // data points of the metric before the load; alarms look back at five
	Progress func(string)
}

// Ground is a cluster of real processes in a fake Auto Scaling group.
type Ground struct {
	Fake *awsfake.Fake
	Base string // address of the gateway

	cfg   GroundConfig
	dir   string
	redis *redisproc.Server
	gate  *clusterrig.Process
	marks Marks
	began began // the load

	time sync.WaitGroup // of the fake
	stop context.CancelFunc

	mu       sync.Mutex
	machines map[string]*machine // by instance
	failed   error               // why one could not be started
}

// StartGround starts one, in a folder that the caller removes. What was started is ended
// where it fails.
func StartGround(ctx context.Context, c GroundConfig, dir string) (*Ground, error) {
	l := &Ground{cfg: c, dir: dir, Fake: awsfake.New(), machines: map[string]*machine{}}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// start starts all but the instances' processes, which the group starts.
func (l *Ground) start(ctx context.Context) (err error) {
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
	l.Base = "http://" + addr
	l.gate = clusterrig.NewProcess("gateway", addr, filepath.Join(l.cfg.Bin, "gateway"),
		append(l.member(), "--listen", addr), []string{"XDG_STATE_HOME=" + l.dir})
	if err := l.gate.Start(); err != nil {
		return err
	}
	g := awsfake.Group{
		Name: GroupName, EC2: awsfake.EC2{Cold: l.cfg.Cold, Warm: l.cfg.Thaw, Stop: l.cfg.Stop}, Delay: showAfter, Start: l.run, Stop: l.halt,
		Config: asg.Config{
			Min: 1, Max: most, Pass: passTime,
			Launch:    asg.Hook{On: true, Name: "ready", Timeout: hookTime, Default: asg.Abandon},
			Terminate: asg.Hook{On: true, Name: "drain", Timeout: hookTime, Default: asg.Continue},
		},
		Policies: []awsfake.Policy{{Name: "used-capacity", Namespace: namespace, Policy: asg.Tracking(metric, target, period, warmup)}},
	}
	if l.cfg.Warm {
		g.Prepared, g.Reuse = most, true
	}
	l.Fake.AddGroup(g)
	ctx, l.stop = context.WithCancel(ctx)
	l.time.Go(func() { l.Fake.Run(ctx) })
	return nil
}

// operator has the credentials of somebody who may look at the group.
func (l *Ground) operator(context.Context) (sdk.Credentials, error) {
	return sdk.Credentials{AccessKeyID: l.Fake.Key(), SecretAccessKey: "fake", SessionToken: "fake", Source: "scaleout"}, nil
}

// member returns the settings by which a program belongs to the cluster. All callers are
// one machine here: its limits are not what is measured.
func (l *Ground) member() []string {
	return []string{"--cluster-url", "redis://" + l.redis.Addr, "--cluster-secret", secret, "--limits-requests", "0", "--limits-connections", "0"}
}

// front is the gateway.
func (l *Ground) front() Front {
	return Front{Base: l.Base, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Rest waits until the group has one node that serves, and its warm pool is full.
func (l *Ground) Rest(ctx context.Context) error {
	g := l.front()
	l.cfg.Progress(fmt.Sprintf("the group starts its first instance (%v), and is idle for a while", l.cfg.Cold))
	for until := time.Now().Add(l.cfg.Cold + l.cfg.Stop + restFor); ; {
		serves, waits := 0, 0
		for _, i := range l.Fake.Instances(GroupName) {
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
		case err == nil && len(nodes) == 1 && nodes[0].State == serving && serves == 1 && (waits == 1) == l.cfg.Warm && l.points() >= l.cfg.Idle:
			return nil
		case time.Now().After(until):
			return fmt.Errorf("the group did not come to rest: %d instances in service, %d in the warm pool, %d nodes (%s): %s", serves, waits, len(nodes), fmt.Sprint(err), l.Printed())
		}
		if !sleep(ctx, localEvery) {
			return ctx.Err()
		}
	}
}

// points returns how many data points of the policy's metric were published.
func (l *Ground) points() int {
	n := 0
	for _, d := range l.Fake.Data() {
		if d.Name == metric && len(d.Dimensions) == 1 {
			n++
		}
	}
	return n
}

// Close ends everything.
func (l *Ground) Close() error {
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
