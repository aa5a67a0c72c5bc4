package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/lips"
)

// TestMouthCount: frames are counted by how and why, and all reasons stand there from the beginning.
func TestMouthCount(t *testing.T) {
	c := newMouthCount()
	for _, tr := range []lips.Trace{{Method: inference.Own}, {Method: inference.Own}, {Method: inference.Net, Why: lips.TooFew}, {Why: lips.Torn}, {Method: inference.Warp, Why: lips.OtherPose}} {
		c.see(tr)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
	}
	for name, want := range map[string]float64{"own ": 2, "net ": 1, "untouched torn": 1, "warp other_pose": 1, "untouched unread": 0, "warp torn": 0} {
		if n, ok := got[name]; !ok || n != want {
			t.Errorf("%q: %v, want %v", name, n, want)
		}
	}
	if len(got) != 2+2*len(lips.Whys) {
		t.Errorf("%v", got)
	}
}
