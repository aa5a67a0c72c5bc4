package aws

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Load is how full a node is.
type Load struct {
	CPU            float64  // percent of the machine's
	GPU, GPUMemory *float64 // percent of the busiest's, of the fullest's; nil without a GPU that tells
	Used           float64  // percent of the node's places
	Free           float64  // places
}

const (
	maxWaiting = 60 // samples: ten minutes, after which no alarm looks at them
	maxBatch   = 50 // samples a request: 500 values, of the 1000 that it may have
)

// sample is Load at a moment.
type sample struct {
	at time.Time
	Load
}

// publish sends samples to CloudWatch while the instance is in service.
func (a *Agent) publish(ctx context.Context) {
	var (
		waiting []sample
		telling = trouble{log: a.cfg.Log, what: "metrics"}
		again   = time.NewTimer(0) // by which what failed is sent again
		tick    = time.NewTicker(sampleTime)
	)
	defer again.Stop()
	defer tick.Stop()
	<-again.C
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C:
			if !a.serving.Load() {
				continue
			}
			waiting = append(waiting, sample{at, a.cfg.Load()})
			if lost := len(waiting) - maxWaiting; lost > 0 {
				waiting = waiting[lost:]
				a.counts.change(func(s *Stats) { s.Dropped += uint64(lost) })
			}
			if failing {
				continue
			}
		case <-again.C:
		}
		err := a.send(ctx, &waiting)
		if ctx.Err() != nil {
			return
		}
		a.counts.change(func(s *Stats) { s.Waiting = len(waiting) })
		wait := telling.note(err)
		if failing = err != nil; failing {
			again.Reset(wait)
		}
	}
}

// send publishes what waits, and takes out what was taken.
func (a *Agent) send(ctx context.Context, waiting *[]sample) error {
	group, err := a.findGroup(ctx)
	if err != nil {
		return err
	}
	for len(*waiting) > 0 {
		batch := (*waiting)[:min(len(*waiting), maxBatch)]
		var data []types.MetricDatum
		for _, s := range batch {
			data = append(data, a.data(s, group)...)
		}
		err := a.cloud.call(ctx, "PutMetricData", func(ctx context.Context) error {
			_, err := a.cloud.watch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &a.cfg.Namespace, MetricData: data})
			return err
		})
		if err != nil {
			return err
		}
		*waiting = (*waiting)[len(batch):]
		a.counts.change(func(s *Stats) { s.Published += uint64(len(batch)) })
	}
	return nil
}

// data returns a sample in both sets of dimensions: CloudWatch adds nothing up by itself.
func (a *Agent) data(s sample, group string) []types.MetricDatum {
	dimension := func(name, value string) types.Dimension {
		return types.Dimension{Name: &name, Value: &value}
	}
	of := []types.Dimension{dimension("AutoScalingGroupName", group)}
	own := append(of[:1:1], dimension("InstanceId", a.cloud.instance))
	var all []types.MetricDatum
	for _, m := range []struct {
		name  string
		value *float64
		unit  types.StandardUnit
	}{
		{"GPUUtilization", s.GPU, types.StandardUnitPercent},
		{"GPUMemoryUtilization", s.GPUMemory, types.StandardUnitPercent},
		{"CPUUtilization", &s.CPU, types.StandardUnitPercent},
		{"UsedCapacity", &s.Used, types.StandardUnitPercent},
		{"FreeCapacity", &s.Free, types.StandardUnitCount},
	} {
		if m.value == nil {
			continue
		}
		for _, d := range [][]types.Dimension{of, own} {
			all = append(all, types.MetricDatum{
				MetricName: sdk.String(m.name), Dimensions: d, Timestamp: sdk.Time(s.at), Value: m.value,
				Unit: m.unit, StorageResolution: sdk.Int32(1),
			})
		}
	}
	return all
}
