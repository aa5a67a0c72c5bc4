package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/cluster"
	"livedub/cluster/aws"
	"livedub/internal/cli"
	"livedub/internal/config"
)

// deaths publishes how many nodes died, where the settings name the nodes' Auto Scaling
// group and this is an instance of EC2. That is looked for in the background, unless the
// settings say that it must be.
type deaths struct {
	cancel  context.CancelFunc
	looking sync.WaitGroup

	mu       sync.Mutex
	reporter *aws.Reporter // nil until it is known to work
}

// publishDeaths begins. The caller closes it.
func publishDeaths(ctx context.Context, c config.AWS, reg cluster.Registry, log *slog.Logger) (*deaths, error) {
	d := &deaths{}
	ctx, d.cancel = context.WithCancel(ctx)
	switch {
	case c.Enabled == "off", c.Enabled == "auto" && c.Group == "":
	case c.Group == "":
		d.Close()
		return nil, cli.Usagef("gateway: aws.enabled is on, and aws.group is missing: name the nodes' Auto Scaling group, or set aws.enabled to off")
	case c.Enabled == "on":
		if err := d.open(ctx, c, reg, log); err != nil {
			d.Close()
			return nil, fmt.Errorf("aws.enabled: %w: or set it to off", err)
		}
	default:
		d.looking.Go(func() {
			switch err := d.open(ctx, c, reg, log); {
			case err == nil, ctx.Err() != nil:
			case errors.Is(err, aws.ErrElsewhere):
				log.Debug("no instance of EC2: deaths of nodes are not published", "why", err)
			default:
				log.Warn("deaths of nodes are not published (aws.enabled: auto)", "err", err)
			}
		})
	}
	return d, nil
}

func (d *deaths) open(ctx context.Context, c config.AWS, reg cluster.Registry, log *slog.Logger) error {
	r, err := aws.OpenReporter(ctx, aws.ReporterConfig{Namespace: c.Namespace, Group: c.Group, Deaths: reg.Deaths, Log: log})
	if err != nil {
		return err
	}
	log.Info("publishes deaths of nodes", "namespace", c.Namespace, "group", c.Group, "instance", r.Instance())
	r.Start(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reporter = r
	return nil
}

// Close ends it.
func (d *deaths) Close() {
	d.cancel()
	d.looking.Wait()
	if d.reporter != nil {
		d.reporter.Close()
	}
}

var (
	descWaiting  = prometheus.NewDesc("livedub_aws_samples_waiting", "Samples that CloudWatch has not taken yet.", nil, nil)
	descSamples  = prometheus.NewDesc("livedub_aws_samples_total", "Samples for CloudWatch by what became of them: published, dropped.", []string{"state"}, nil)
	descFailures = prometheus.NewDesc("livedub_aws_failures_total", "Requests to AWS that failed and are made again, by why.", []string{"why"}, nil)
)

// Describe is part of prometheus.Collector.
func (d *deaths) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descWaiting, descSamples, descFailures} {
		ch <- desc
	}
}

// Collect is part of prometheus.Collector. Where nothing is published it tells nothing.
func (d *deaths) Collect(ch chan<- prometheus.Metric) {
	d.mu.Lock()
	r := d.reporter
	d.mu.Unlock()
	if r == nil {
		return
	}
	s := r.Stats()
	ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(s.Waiting))
	count := func(desc *prometheus.Desc, v uint64, label string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(v), label)
	}
	count(descSamples, s.Published, "published")
	count(descSamples, s.Dropped, "dropped")
	for _, why := range aws.Causes {
		count(descFailures, s.Failures[why], string(why))
	}
}
