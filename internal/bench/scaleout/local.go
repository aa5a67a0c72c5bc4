package scaleout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/caller"
)

const (
	delayMS    = 2000 // D of the calls
	localEvery = 500 * time.Millisecond
	localFor   = 2 * time.Minute // beyond a boot
)

// Local measures a fake group whose instances are processes of this machine. m is material
// that the nodes' engines dub.
func Local(ctx context.Context, c GroundConfig, m *caller.Material) (r Report, err error) {
	dir, err := os.MkdirTemp("", "livedub-scaleout-")
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := StartGround(ctx, c, dir)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	peers, err := caller.NewPeers()
	if err != nil {
		return Report{}, err
	}
	client := caller.NewClient(l.Base, "", 2*(c.Places+overFull))
	defer client.Close()
	boot, delay := c.Cold, delayMS
	if c.Warm {
		boot = c.Thaw
	}
	cfg := Config{
		Cloud:   newCloud(sdk.Config{Region: awsfake.Region, Credentials: sdk.CredentialsProviderFunc(l.operator), HTTPClient: awsfake.Instance{Fake: l.Fake}, Retryer: once}),
		Gateway: l.front(),
		Group:   GroupName, Sessions: c.Places + overFull, Every: localEvery, For: localFor + boot, Progress: c.Progress,
		Load: &Callers{Client: client, Peers: peers, Material: m, Wanted: caller.Wanted{From: "en", To: []string{"es"}, DelayMS: &delay}},
	}
	if err := l.Rest(ctx); err != nil {
		return Report{}, err
	}
	p, err := Prepare(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	l.began.Store(true)
	r, err = Measure(ctx, cfg, p, &l.marks)
	for i := range r.Phases {
		r.Phases[i].Real = r.Phases[i].By == "livedub"
	}
	r.Conditions = l.conditions(r)
	if err != nil {
		err = fmt.Errorf("%w: the nodes' last words: %s", err, l.Printed())
	}
	return r, err
}

// conditions are what a reader of the report must know.
func (l *Ground) conditions(r Report) []string {
	c := l.cfg
	engines := "fakes, which need no weights loaded"
	if c.Light {
		engines = "PocketSphinx, Apertium and espeak-ng"
	}
	all := []string{
		fmt.Sprintf("real: Redis, a gateway, a livedub process of %d places for each instance, %d callers with a speaker and a viewer each, metrics sent every 10 s, hooks, registration; the nodes' engines are %s", c.Places, r.Sessions, engines),
		fmt.Sprintf("made up: AWS. CloudWatch shows a value after %v, target tracking wants 3 data points of %v with over %g %% of places in use; EC2 takes %v for a new instance, %v for a stopped one", showAfter, period, target, c.Cold, c.Thaw),
	}
	if pool := l.pool(r.Instance); pool != "" {
		all = append(all, pool)
	}
	return all
}

// pool tells how long an instance was in its first hook in the warm pool.
func (l *Ground) pool(id string) string {
	var from, until time.Time
	if id == "" {
		return ""
	}
	for _, c := range l.Fake.History(id) {
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
