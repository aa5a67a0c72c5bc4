package aws

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/awsfake"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		defer a.Close()
		time.Sleep(75 * time.Second)
		data := f.Data()
		values := map[string]float64{"GPUUtilization": 37, "GPUMemoryUtilization": 81.5, "CPUUtilization": 12, "UsedCapacity": 3, "FreeCapacity": 5}
		seen := map[string][]time.Time{}
		for _, d := range data {
			key := d.Name
			if d.Dimensions["InstanceId"] != "" {
				key += " of " + d.Dimensions["InstanceId"]
			}
			seen[key] = append(seen[key], d.At)
			want, known := values[d.Name]
			if !known || d.Value != want || d.Namespace != "DeepLearning" || d.Resolution != 1 || d.Dimensions["AutoScalingGroupName"] != group {
				t.Fatalf("%+v", d)
			}
			if unit := map[bool]string{true: "Count", false: "Percent"}[d.Name == "FreeCapacity"]; d.Unit != unit {
				t.Errorf("%s in %s", d.Name, d.Unit)
			}
		}
		for name := range values {
			for _, key := range []string{name, name + " of " + id} {
				at := seen[key]
				if len(at) < 5 {
					t.Fatalf("%s: %d values in a minute", key, len(at))
				}
				for i := range at[1:] {
					if gap := at[i+1].Sub(at[i]); gap != 10*time.Second {
						t.Errorf("%s: %v after the one before", key, gap)
					}
				}
			}
		}
		if asked := f.Requests("PutMetricData"); asked != len(data)/10 {
			t.Errorf("%d requests for %d values: want one for ten", asked, len(data))
		}
	})
}

func TestNoGPU(t *testing.T) {
	s := sample{time.Now(), Load{CPU: 1}}
	a := &Agent{cloud: &cloud{instance: "i-1"}}
	var names []string
	for _, d := range a.data(s, group) {
		names = append(names, *d.MetricName)
	}
	if want := []string{"CPUUtilization", "CPUUtilization", "UsedCapacity", "UsedCapacity", "FreeCapacity", "FreeCapacity"}; !slices.Equal(names, want) {
		t.Error(names)
	}
}
