package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference/engine"
)

var (
	descModelBatch    = prometheus.NewDesc("livedub_model_batch_items", "Items in the batches that a net was given, padding not counted.", []string{"model"}, nil)
	descModelFill     = prometheus.NewDesc("livedub_model_batch_fill", "Share of a net's batches that was no padding, since the start.", []string{"model"}, nil)
	descModelWait     = prometheus.NewDesc("livedub_model_queue_wait_seconds", "How long items waited for their batch.", []string{"model"}, nil)
	descModelRun      = prometheus.NewDesc("livedub_model_run_seconds", "How long batches took.", []string{"model"}, nil)
	descModelDepth    = prometheus.NewDesc("livedub_model_queue_items", "Items that wait.", []string{"model"}, nil)
	descModelMissed   = prometheus.NewDesc("livedub_model_missed_total", "Items that were run and not back by their deadline.", []string{"model"}, nil)
	descModelRefused  = prometheus.NewDesc("livedub_model_refused_total", "Items that were not run: the queue or the session's share of it was full, they would have been late, the net was not there.", []string{"model", "reason"}, nil)
	descModelFailed   = prometheus.NewDesc("livedub_model_failed_total", "Items that a net refused, or answered with NaN or Inf.", []string{"model", "reason"}, nil)
	descModelReopened = prometheus.NewDesc("livedub_model_reopened_total", "Times that a net was lost and opened anew.", []string{"model"}, nil)
	descModelCapacity = prometheus.NewDesc("livedub_model_capacity_fps", "Items a second that a net carries.", []string{"model"}, nil)
	descModelState    = prometheus.NewDesc("livedub_model_state", "1 for the state that a net is in.", []string{"model", "state"}, nil)
)

// modelMetrics tells what goes through the nets.
type modelMetrics struct{ loops []*engine.Batcher } // their names differ

// Describe is part of prometheus.Collector.
func (m modelMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descModelBatch, descModelFill, descModelWait, descModelRun, descModelDepth, descModelMissed,
		descModelRefused, descModelFailed, descModelReopened, descModelCapacity, descModelState} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (m modelMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, l := range m.loops {
		s := l.Stats()
		counter := func(d *prometheus.Desc, n uint64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{s.Name}, labels...)...)
		}
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{s.Name}, labels...)...)
		}
		histogram := func(d *prometheus.Desc, h engine.Histogram) {
			upTo, sum := map[float64]uint64{}, uint64(0)
			for i, bound := range h.Bounds {
				sum += h.Counts[i]
				upTo[bound] = sum
			}
			ch <- prometheus.MustNewConstHistogram(d, h.Count, h.Sum, upTo, s.Name)
		}
		histogram(descModelBatch, s.Batch)
		histogram(descModelWait, s.Wait)
		histogram(descModelRun, s.Run)
		gauge(descModelFill, s.Fill())
		gauge(descModelDepth, float64(s.Depth))
		gauge(descModelCapacity, s.Capacity)
		counter(descModelMissed, s.Missed)
		counter(descModelRefused, s.Busy, "busy")
		counter(descModelRefused, s.Share, "share")
		counter(descModelRefused, s.Late, "late")
		counter(descModelRefused, s.Gone, "gone")
		counter(descModelFailed, s.Failed, "error")
		counter(descModelFailed, s.Numbers, "numbers")
		counter(descModelReopened, s.Reopens)
		for _, state := range engine.States {
			v := 0.
			if s.State == state {
				v = 1
			}
			gauge(descModelState, v, string(state))
		}
	}
}
