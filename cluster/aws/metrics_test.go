package aws

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"livedub/internal/testkit/awsfake"
)

// units are those that alarms reckon in.
var units = map[string]string{
	"GPUUtilization": "Percent", "GPUMemoryUtilization": "Percent", "CPUUtilization": "Percent", "UsedCapacity": "Percent", "FreeCapacity": "Count",
	"DubLateness": "Seconds", "AVOffset": "Seconds", "NodeDeaths": "Count",
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		id := f.Launch(group)
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: id}))
		defer a.Close()
		time.Sleep(75 * time.Second)
		data := f.Data()
		values := map[string]float64{"GPUUtilization": 37, "GPUMemoryUtilization": 81.5, "CPUUtilization": 12, "UsedCapacity": 3, "FreeCapacity": 5, "DubLateness": .21, "AVOffset": .012}
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
			if d.Unit != units[d.Name] {
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
		if asked := f.Requests("PutMetricData"); asked != len(data)/14 {
			t.Errorf("%d requests for %d values: want one for fourteen", asked, len(data))
		}
	})
}

// TestNoGPU: what there is no value of is not published, as how dubs fare without a session.
func TestNoGPU(t *testing.T) {
	s := sample{time.Now(), Load{CPU: 1}.values()}
	var names []string
	for _, d := range s.data(make([][]types.Dimension, 2)) {
		names = append(names, *d.MetricName)
	}
	if want := []string{"CPUUtilization", "CPUUtilization", "UsedCapacity", "UsedCapacity", "FreeCapacity", "FreeCapacity"}; !slices.Equal(names, want) {
		t.Error(names)
	}
}
