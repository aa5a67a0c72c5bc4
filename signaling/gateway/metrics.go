package gateway

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/cluster"
	"livedub/signaling"
)

// metrics count what a gateway does.
type metrics struct {
	placed   prometheus.Counter
	moved    *prometheus.CounterVec // by why
	refused  *prometheus.CounterVec // by why
	answered prometheus.Histogram
	probes   *prometheus.CounterVec // by result
	registry *prometheus.CounterVec // steps of the registry by result
	under    prometheus.Gauge
}

func newMetrics() *metrics {
	counters := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "livedub_gateway_" + name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value) // so that its first one shows as a rise from 0
		}
		return v
	}
	return &metrics{
		placed: prometheus.NewCounter(prometheus.CounterOpts{Name: "livedub_gateway_sessions_placed_total", Help: "New sessions that a node took."}),
		moved: counters("sessions_moved_total", "Sessions given to another node, by why: the one before was silent (dead), ran anew (gone), or refused (refused).",
			"why", "dead", "gone", "refused"),
		refused: counters("refused_total", "Requests that the gateway itself refused, by why.",
			"why", "full", "registry", "rate", "not_found", "bad_node"),
		answered: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "livedub_gateway_forward_seconds", Help: "Time from a request's being forwarded until the node's answer begins.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		probes:   counters("probes_total", "Probes of nodes that were in doubt, by result.", "result", "answered", "failed"),
		registry: counters("registry_steps_total", "Steps of the cluster's registry, by result: error is that it did not answer.", "result", "ok", "error"),
		under:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "livedub_gateway_forwarding", Help: "Requests, event streams and websockets being forwarded now."}),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.placed, m.moved, m.refused, m.answered, m.probes, m.registry, m.under}
}

// Describe is part of prometheus.Collector.
func (g *Gateway) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range g.count.all() {
		c.Describe(ch)
	}
}

// Collect is part of prometheus.Collector.
func (g *Gateway) Collect(ch chan<- prometheus.Metric) {
	for _, c := range g.count.all() {
		c.Collect(ch)
	}
}

// step counts a step of the registry, and returns its error.
func (m *metrics) step(err error) error {
	result := "ok"
	if errors.Is(err, cluster.ErrUnavailable) {
		result = "error"
	}
	m.registry.WithLabelValues(result).Inc()
	return err
}

// move counts a move by what the node before did.
func (m *metrics) move(why error) {
	reason := "dead"
	switch {
	case errors.Is(why, errTaken):
		reason = "refused"
	case errors.Is(why, errGone):
		reason = "gone"
	}
	m.moved.WithLabelValues(reason).Inc()
}

// refuse counts a refusal.
func (m *metrics) refuse(err error) {
	why := signaling.Explain(err).Kind.Code
	if errors.Is(err, cluster.ErrUnavailable) {
		why = "registry"
	}
	m.refused.WithLabelValues(why).Inc()
}

// forwarding counts a request under way, until done. answer is when the node's answer begins.
func (m *metrics) forwarding() (answer, done func()) {
	began := time.Now()
	m.under.Inc()
	return func() { m.answered.Observe(time.Since(began).Seconds()) }, m.under.Dec
}

// probe counts a probe.
func (m *metrics) probe(answered bool) {
	result := "failed"
	if answered {
		result = "answered"
	}
	m.probes.WithLabelValues(result).Inc()
}
