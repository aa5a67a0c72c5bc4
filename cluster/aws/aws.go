// Package aws makes a node part of an EC2 Auto Scaling group: it publishes how full the
// node is to CloudWatch, protects a node with sessions from scale-in, and answers the
// group's lifecycle hooks. All of it runs in goroutines of its own: AWS that is slow or
// away is counted and retried, and no call waits for it
// (docs/decisions/0058-autoscaling-hooks.md).
package aws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrElsewhere says that this machine is no instance of an Auto Scaling group.
var ErrElsewhere = errors.New("this machine is no instance of an Auto Scaling group")

// SettingError says which setting an error is about: "enabled", "group", or
// "credentials", which are the machine's.
type SettingError struct {
	Setting string
	Err     error
}

// Error returns what is wrong with it.
func (e *SettingError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *SettingError) Unwrap() error { return e.Err }

// HTTPClient is what requests are sent by.
type HTTPClient interface {
	Do(*http.Request) (*http.Response, error)
}

// Config is what an Agent works with. Callbacks are called in goroutines of the Agent.
type Config struct {
	Namespace                      string // of the metrics
	Group                          string // "": the one that AWS says the instance is in
	LaunchingHook, TerminatingHook string // "": all that the group has for that transition

	Load     func() Load                 // how full the node is now
	Sessions func() int                  // how many sessions it has
	Ready    func(context.Context) error // returns when the node could serve; an error has the group replace it
	Register func(context.Context) error // has the node take sessions; called once, for an instance that enters service
	Drain    func(context.Context)       // has it take none, and returns when the last is gone or ctx ends
	Deadline time.Duration               // for Drain

	HTTP HTTPClient // nil: the SDK's own
	Log  *slog.Logger
}

// Agent speaks with AWS for one instance. Close ends it.
type Agent struct {
	cfg    Config
	cloud  *cloud
	lock   net.Listener // so that one process speaks for the instance
	counts counts

	serving    atomic.Bool // it publishes and protects
	registered atomic.Bool
	gone       chan struct{} // closed by Close: nothing is left to drain
	closed     sync.Once

	mu       sync.Mutex
	group    string // "" until AWS has told
	hooks    []hook // nil until AWS has told
	draining *phase // nil until it drains

	cancel context.CancelFunc
	all    sync.WaitGroup
}

const (
	lookTime   = time.Second      // for the metadata service to tell where this runs
	checkTime  = 10 * time.Second // for AWS to answer at the start
	closeTime  = 10 * time.Second // to complete the terminating hook at the end
	lookEvery  = 2 * time.Second  // between looks at the target state
	readyTime  = 20 * time.Minute // for engines to be ready
	sampleTime = 10 * time.Second // between metrics
)

// Open finds out which instance this is, and checks what can be. It fails with
// ErrElsewhere outside of a group, and with a *SettingError where the group, the account or
// the credentials are wrong. AWS that does not answer now keeps nobody from starting.
func Open(ctx context.Context, c Config) (*Agent, error) {
	a := &Agent{cfg: c, group: c.Group, gone: make(chan struct{})}
	look, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var err error
	if a.cloud, err = openCloud(look, c.HTTP, &a.counts); err != nil {
		return nil, err
	}
	if a.lock, err = net.Listen("unix", "@livedub-aws-"+a.cloud.instance); err != nil {
		return nil, &SettingError{"enabled", fmt.Errorf("aws: another process of instance %s speaks for it: have one do so, and set off for the others", a.cloud.instance)}
	}
	if err := a.check(ctx); err != nil {
		a.lock.Close()
		return nil, err
	}
	return a, nil
}

// check asks AWS about the instance.
func (a *Agent) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	is, err := a.cloud.describe(ctx)
	var failed *CallError
	switch {
	case errors.Is(err, errNoInstance):
		return &SettingError{"credentials", fmt.Errorf("aws: account %s has the instance %s, and the group of it is unknown to the account of the credentials: remove keys of another account, and let the instance's role be used", a.cloud.account, a.cloud.instance)}
	case errors.As(err, &failed) && (failed.Cause == Credentials || failed.Cause == Refused):
		return &SettingError{"credentials", err}
	case err != nil:
		a.cfg.Log.Warn("AWS does not answer: it is asked again", "err", err)
	case a.cfg.Group != "" && is.group != a.cfg.Group:
		return &SettingError{"group", fmt.Errorf("aws: instance %s is in the group %q, not in %q: name that, or none", a.cloud.instance, is.group, a.cfg.Group)}
	default:
		a.setGroup(is.group)
	}
	return nil
}

// Start begins to follow the instance's life. The caller closes the Agent.
func (a *Agent) Start(ctx context.Context) {
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx)) // it outlives a drain
	a.all.Go(func() { a.watch(ctx) })
	a.all.Go(func() { a.protect(ctx) })
	a.all.Go(func() { a.publish(ctx) })
}

// Close ends the Agent. A terminating hook that waits is completed first: whoever closes
// has nothing left to drain.
func (a *Agent) Close() { a.closed.Do(a.close) }

func (a *Agent) close() {
	close(a.gone)
	a.mu.Lock()
	draining := a.draining
	a.mu.Unlock()
	if draining != nil {
		late := time.NewTimer(closeTime)
		defer late.Stop()
		select {
		case <-draining.done:
		case <-late.C:
		}
	}
	if a.cancel != nil {
		a.cancel()
	}
	a.all.Wait()
	a.lock.Close()
}

// Instance returns the ID of the instance.
func (a *Agent) Instance() string { return a.cloud.instance }

// InPool tells whether a lifecycle state is one of the warm pool's.
func InPool(state string) bool { return strings.HasPrefix(state, "Warmed:") }

func (a *Agent) setGroup(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.group = name
}

func (a *Agent) groupName() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.group
}
