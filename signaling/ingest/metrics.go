package ingest

import (
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	descAsked   = prometheus.NewDesc("livedub_ingest_connections_total", "Connections of those who asked to publish, by protocol.", []string{"protocol"}, nil)
	descRefused = prometheus.NewDesc("livedub_ingest_refused_total", "Those of them that were not taken, by protocol and reason.", []string{"protocol", "reason"}, nil)
	descBytes   = prometheus.NewDesc("livedub_ingest_bytes_total", "Bytes that publishers have sent, by protocol.", []string{"protocol"}, nil)
	descNow     = prometheus.NewDesc("livedub_ingest_publishers", "Publishers that are connected, by protocol.", []string{"protocol"}, nil)
)

// counts are what a door has seen.
type counts struct {
	mu      sync.Mutex
	asked   map[string]int
	refused map[[2]string]int // protocol, reason
	bytes   map[string]uint64 // of those who have left
	now     map[Publisher]string
}

func newCounts() counts {
	return counts{asked: map[string]int{}, refused: map[[2]string]int{}, bytes: map[string]uint64{}, now: map[Publisher]string{}}
}

func (c *counts) ask(protocol string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[protocol]++
}

func (c *counts) refuse(protocol, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[[2]string{protocol, reason}]++
}

// begin counts a publisher until it leaves.
func (c *counts) begin(protocol string, p Publisher) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now[p] = protocol
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.now, p)
		c.bytes[protocol] += p.Received()
	}
}

// Unread counts one that has failed before it said what it wants, as "protocol".
func (d *Door) Unread(protocol, reason string) {
	d.counts.ask(protocol)
	d.counts.refuse(protocol, reason)
}

// Describe is part of prometheus.Collector.
func (d *Door) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descAsked, descRefused, descBytes, descNow} {
		ch <- desc
	}
}

// Collect is part of prometheus.Collector.
func (d *Door) Collect(ch chan<- prometheus.Metric) {
	c := &d.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	bytes, now := maps.Clone(c.bytes), map[string]int{}
	for p, protocol := range c.now {
		bytes[protocol] += p.Received()
		now[protocol]++
	}
	for protocol, n := range c.asked {
		ch <- prometheus.MustNewConstMetric(descAsked, prometheus.CounterValue, float64(n), protocol)
		ch <- prometheus.MustNewConstMetric(descBytes, prometheus.CounterValue, float64(bytes[protocol]), protocol)
		ch <- prometheus.MustNewConstMetric(descNow, prometheus.GaugeValue, float64(now[protocol]), protocol)
	}
	for by, n := range c.refused {
		ch <- prometheus.MustNewConstMetric(descRefused, prometheus.CounterValue, float64(n), by[0], by[1])
	}
}
