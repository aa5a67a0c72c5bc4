package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"livedub/media"
	"livedub/media/rtc"
)

var (
	descIn        = prometheus.NewDesc("livedub_media_in_total", "What publishers sent: RTP packets by their fate, audio and video frames dropped, keyframes asked for, jumps of their clocks.", []string{"what"}, nil)
	descOut       = prometheus.NewDesc("livedub_media_out_total", "What viewers were sent: RTP packets, audio and video frames dropped, keyframes that they asked for.", []string{"what"}, nil)
	descHeld      = prometheus.NewDesc("livedub_frames_held", "Decoded frames in memory.", nil, nil)
	descEngineCPU = prometheus.NewDesc("livedub_engine_cpu_seconds_total", "CPU time of the engines' own processes, by stage.", []string{"stage"}, nil)
	descBytes     = prometheus.NewDesc("livedub_media_out_bytes_total", "Audio and video sent to viewers.", nil, nil)
)

// mediaMetrics tells what went through the media port.
type mediaMetrics struct{ host *rtc.Host }

// Describe is part of prometheus.Collector.
func (m mediaMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect is part of prometheus.Collector.
func (m mediaMetrics) Collect(ch chan<- prometheus.Metric) {
	t := m.host.Totals()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for what, n := range map[string]uint64{
		"packets": t.In.Packets, "lost": t.In.Lost, "asked_again": t.In.NACKs, "recovered": t.In.Recovered, "late": t.In.Late,
		"frames": t.In.Frames, "dropped": t.In.Dropped, "keyframe_requests": t.In.PLIs, "clock_jumps": uint64(t.In.Jumps),
	} {
		counter(descIn, n, what)
	}
	for what, n := range map[string]uint64{
		"packets": t.Out.Packets, "frames": t.Out.Frames, "dropped": t.Out.Dropped, "keyframe_requests": t.Out.Keyframes,
	} {
		counter(descOut, n, what)
	}
	counter(descBytes, t.Out.Bytes)
	ch <- prometheus.MustNewConstMetric(descHeld, prometheus.GaugeValue, float64(media.LiveFrames()))
}

// engineMetrics tells what the engines' processes use.
type engineMetrics struct{ engines *engines }

// Describe is part of prometheus.Collector.
func (m engineMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- descEngineCPU }

// Collect is part of prometheus.Collector.
func (m engineMetrics) Collect(ch chan<- prometheus.Metric) {
	for stage, d := range m.engines.cpu() {
		ch <- prometheus.MustNewConstMetric(descEngineCPU, prometheus.CounterValue, d.Seconds(), stage)
	}
}
