package aws

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

const (
	deathsTime = 2 * time.Second // for the cluster to tell
	zeroEvery  = time.Minute     // between values while nobody dies: alarms look as often
)

// ReporterConfig is what a Reporter works with.
type ReporterConfig struct {
	Namespace string                             // of the metric
	Group     string                             // of the nodes
	Deaths    func(context.Context) (int, error) // nodes found dead since anybody asked last: each is told once
	HTTP      HTTPClient                         // nil: the SDK's own
	Log       *slog.Logger
}

// Reporter publishes how many nodes died, as NodeDeaths of the nodes' group. It is for
// gateways, which live on where the last node has died. Of several each death is told to
// one: their values add up to how many there were.
type Reporter struct {
	cfg    ReporterConfig
	cloud  *cloud
	counts counts
	cancel context.CancelFunc
	all    sync.WaitGroup
}

// OpenReporter finds out which instance this is, and publishes a zero. It fails with
// ErrElsewhere outside of EC2, and with a *SettingError where the credentials are wrong.
// AWS that does not answer now keeps nobody from starting.
func OpenReporter(ctx context.Context, c ReporterConfig) (*Reporter, error) {
	r := &Reporter{cfg: c}
	look, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var err error
	if r.cloud, err = openInstance(look, c.HTTP, &r.counts); err != nil {
		return nil, err
	}
	ctx, end := context.WithTimeout(ctx, checkTime)
	defer end()
	var failed *CallError
	err = r.cloud.put(ctx, c.Namespace, r.sample(time.Now(), 0).data(r.sets(c.Group)))
	switch {
	case errors.As(err, &failed) && (failed.Cause == Credentials || failed.Cause == Refused):
		return nil, &SettingError{"credentials", err}
	case err != nil:
		c.Log.Warn("AWS does not answer: it is asked again", "err", err)
	}
	return r, nil
}

func (r *Reporter) sample(at time.Time, deaths int) *sample {
	n := float64(deaths)
	return &sample{at, []value{{"NodeDeaths", types.StandardUnitCount, &n}}}
}

// sets leaves the gateway's own instance out: it says nothing of who died.
func (r *Reporter) sets(group string) [][]types.Dimension {
	return [][]types.Dimension{{dimension("AutoScalingGroupName", group)}}
}

// Start begins to publish. The caller closes the Reporter.
func (r *Reporter) Start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(ctx)
	f := &feed{
		cloud: r.cloud, namespace: r.cfg.Namespace, sets: r.sets, telling: trouble{log: r.cfg.Log, what: "metrics"},
		group: func(context.Context) (string, error) { return r.cfg.Group, nil },
	}
	last := time.Now()
	r.all.Go(func() {
		f.run(ctx, func(at time.Time) *sample {
			limited, cancel := context.WithTimeout(ctx, deathsTime)
			defer cancel()
			n, err := r.cfg.Deaths(limited)
			if err != nil || n == 0 && at.Sub(last) < zeroEvery { // the registry keeps what it could not tell
				return nil
			}
			last = at
			return r.sample(at, n)
		})
	})
}

// Close ends the Reporter.
func (r *Reporter) Close() {
	if r.cancel != nil {
		r.cancel()
	}
	r.all.Wait()
}

// Instance returns the ID of the instance.
func (r *Reporter) Instance() string { return r.cloud.instance }

// Stats returns what the Reporter has done so far.
func (r *Reporter) Stats() Stats { return r.counts.stats() }
