package main

import (
	"context"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/internal/gpu"
)

func TestGPUMetrics(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	gather := func(r gpu.Report) map[string]float64 {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(gpuMetrics{func(context.Context) gpu.Report { return r }})
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				key := f.GetName()
				for _, l := range m.GetLabel() {
					key += " " + l.GetName() + "=" + l.GetValue()
				}
				got[key] = m.GetGauge().GetValue()
			}
		}
		return got
	}
	if got := gather(gpu.Report{Absent: "no driver"}); !maps.Equal(got, map[string]float64{"livedub_gpus": 0}) {
		t.Errorf("without a driver: %v", got)
	}
	got := gather(gpu.Report{Devices: []gpu.Device{
		{Index: 0, Name: "T4", Busy: v(.4), MemoryUsed: v(3e9), MemoryTotal: v(16e9), Encoder: v(.2), Decoder: v(.1), Celsius: v(60), Watts: v(50), Throttled: []string{"thermal"}},
		{Index: 1, Name: "T4", Error: "lost"},
	}})
	want := map[string]float64{
		"livedub_gpus": 2,
		"livedub_gpu_utilization_ratio gpu=0 name=T4":   .4,
		"livedub_gpu_memory_used_bytes gpu=0 name=T4":   3e9,
		"livedub_gpu_memory_total_bytes gpu=0 name=T4":  16e9,
		"livedub_gpu_encoder_ratio gpu=0 name=T4":       .2,
		"livedub_gpu_decoder_ratio gpu=0 name=T4":       .1,
		"livedub_gpu_temperature_celsius gpu=0 name=T4": 60,
		"livedub_gpu_power_watts gpu=0 name=T4":         50,
	}
	for _, reason := range gpu.ThrottleReasons {
		want["livedub_gpu_throttled gpu=0 name=T4 reason="+reason] = 0
	}
	want["livedub_gpu_throttled gpu=0 name=T4 reason=thermal"] = 1
	if !maps.Equal(got, want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
}
