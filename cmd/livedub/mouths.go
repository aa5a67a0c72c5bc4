package main

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/lips"
)

// mouthCount counts how frames' mouths were made, and why not of the speaker's own.
type mouthCount struct {
	mu sync.Mutex
	n  map[mouthMade]uint64
}

type mouthMade struct {
	method inference.LipsMethod
	why    lips.Why
}

// newMouthCount returns one in which all that can happen has not happened yet.
func newMouthCount() *mouthCount {
	c := &mouthCount{n: map[mouthMade]uint64{{inference.Own, ""}: 0, {inference.Net, ""}: 0}}
	for _, why := range lips.Whys {
		c.n[mouthMade{inference.Warp, why}], c.n[mouthMade{inference.Untouched, why}] = 0, 0
	}
	return c
}

func (c *mouthCount) see(t lips.Trace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := mouthMade{t.Method, t.Why}
	if m.method == inference.Own || m.method == inference.Net {
		m.why = ""
	}
	c.n[m]++
}

var descMouths = prometheus.NewDesc("livedub_mouths_total", "Frames of dubs, by how the mouth was made, and why it was not one of the speaker's own.", []string{"method", "why"}, nil)

// Describe is part of prometheus.Collector.
func (c *mouthCount) Describe(ch chan<- *prometheus.Desc) { ch <- descMouths }

// Collect is part of prometheus.Collector.
func (c *mouthCount) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, n := range c.n {
		ch <- prometheus.MustNewConstMetric(descMouths, prometheus.CounterValue, float64(n), m.method.String(), string(m.why))
	}
}
