package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/internal/gpu"
)

var (
	descGPUs      = prometheus.NewDesc("livedub_gpus", "NVIDIA GPUs that the driver sees; 0 without a driver.", nil, nil)
	descGPUBusy   = gpuDesc("utilization_ratio", "Share of time in which the GPU computed.")
	descGPUUsed   = gpuDesc("memory_used_bytes", "GPU memory in use, by everyone.")
	descGPUTotal  = gpuDesc("memory_total_bytes", "GPU memory there is.")
	descGPUEnc    = gpuDesc("encoder_ratio", "Load of the video encoder.")
	descGPUDec    = gpuDesc("decoder_ratio", "Load of the video decoder.")
	descGPUHeat   = gpuDesc("temperature_celsius", "Temperature of the chip.")
	descGPUPower  = gpuDesc("power_watts", "Power drawn.")
	descThrottled = gpuDesc("throttled", "1 while the clocks are lowered for this reason.", "reason")
)

func gpuDesc(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc("livedub_gpu_"+name, help, append([]string{"gpu", "name"}, more...), nil)
}

// gpuPatience is how long a scrape waits for the driver before it takes the sample before.
const gpuPatience = 500 * time.Millisecond

// gpuMetrics tells what the GPUs do. What a chip does not tell has no row.
type gpuMetrics struct {
	read func(context.Context) gpu.Report
}

// Describe is part of prometheus.Collector.
func (m gpuMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descGPUs, descGPUBusy, descGPUUsed, descGPUTotal, descGPUEnc, descGPUDec, descGPUHeat, descGPUPower, descThrottled} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (m gpuMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gpuPatience)
	defer cancel()
	r := m.read(ctx)
	ch <- prometheus.MustNewConstMetric(descGPUs, prometheus.GaugeValue, float64(len(r.Devices)))
	for _, d := range r.Devices {
		labels := []string{strconv.Itoa(d.Index), d.Name}
		for _, v := range []struct {
			desc  *prometheus.Desc
			value *float64
		}{
			{descGPUBusy, d.Busy}, {descGPUUsed, d.MemoryUsed}, {descGPUTotal, d.MemoryTotal}, {descGPUEnc, d.Encoder},
			{descGPUDec, d.Decoder}, {descGPUHeat, d.Celsius}, {descGPUPower, d.Watts},
		} {
			if v.value != nil {
				ch <- prometheus.MustNewConstMetric(v.desc, prometheus.GaugeValue, *v.value, labels...)
			}
		}
		if d.Throttled == nil {
			continue
		}
		for _, reason := range gpu.ThrottleReasons {
			now := 0.
			if slices.Contains(d.Throttled, reason) {
				now = 1
			}
			ch <- prometheus.MustNewConstMetric(descThrottled, prometheus.GaugeValue, now, labels[0], labels[1], reason)
		}
	}
}
