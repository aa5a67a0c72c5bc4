package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"livedub/cluster/aws"
)

var (
	descAWSProtected = prometheus.NewDesc("livedub_aws_protected", "1 while this instance is protected from scale-in.", nil, nil)
	descAWSWaiting   = prometheus.NewDesc("livedub_aws_samples_waiting", "Samples that CloudWatch has not taken yet.", nil, nil)
	descAWSSamples   = prometheus.NewDesc("livedub_aws_samples_total", "Samples for CloudWatch by what became of them: published, dropped.", []string{"state"}, nil)
	descAWSHooks     = prometheus.NewDesc("livedub_aws_lifecycle_total", "What the group was told of lifecycle hooks: heartbeat, completed; late is an action that had ended before.", []string{"what"}, nil)
	descAWSFailures  = prometheus.NewDesc("livedub_aws_failures_total", "Requests to AWS that failed and are made again, by why.", []string{"why"}, nil)
)

// awsMetrics tells what passed between this instance and AWS; nothing outside of a group.
type awsMetrics struct{ *fleet }

// Describe is part of prometheus.Collector.
func (m awsMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descAWSProtected, descAWSWaiting, descAWSSamples, descAWSHooks, descAWSFailures} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (m awsMetrics) Collect(ch chan<- prometheus.Metric) {
	select {
	case <-m.found:
	default:
		return
	}
	if m.agent == nil {
		return
	}
	s := m.agent.Stats()
	protected := 0.
	if s.Protected {
		protected = 1
	}
	ch <- prometheus.MustNewConstMetric(descAWSProtected, prometheus.GaugeValue, protected)
	ch <- prometheus.MustNewConstMetric(descAWSWaiting, prometheus.GaugeValue, float64(s.Waiting))
	count := func(d *prometheus.Desc, v uint64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), label)
	}
	count(descAWSSamples, s.Published, "published")
	count(descAWSSamples, s.Dropped, "dropped")
	count(descAWSHooks, s.Heartbeats, "heartbeat")
	count(descAWSHooks, s.Completed, "completed")
	count(descAWSHooks, s.Late, "late")
	for _, why := range aws.Causes {
		count(descAWSFailures, s.Failures[why], string(why))
	}
}
