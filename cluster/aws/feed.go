package aws

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

const (
	maxWaiting = 60 // samples: ten minutes, after which no alarm looks at them
	maxBatch   = 50 // samples a request: 700 values, of the 1000 that it may have
)

// value is one of a metric; without v there is none.
type value struct {
	name string
	unit types.StandardUnit
	v    *float64
}

// sample is what is published of a moment.
type sample struct {
	at     time.Time
	values []value
}

// feed sends samples to CloudWatch until it has taken them.
type feed struct {
	cloud     *cloud
	namespace string
	group     func(context.Context) (string, error)
	sets      func(group string) [][]types.Dimension // each value is published in all of them
	telling   trouble
	waiting   []sample
}

// run takes a sample every 10 s until ctx ends; nil is none.
func (f *feed) run(ctx context.Context, take func(time.Time) *sample) {
	again := time.NewTimer(0) // by which what failed is sent again
	defer again.Stop()
	tick := time.NewTicker(sampleTime)
	defer tick.Stop()
	<-again.C
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C:
			s := take(at)
			if s == nil {
				continue
			}
			f.waiting = append(f.waiting, *s)
			if lost := len(f.waiting) - maxWaiting; lost > 0 {
				f.waiting = f.waiting[lost:]
				f.cloud.counts.change(func(s *Stats) { s.Dropped += uint64(lost) })
			}
			if failing {
				continue
			}
		case <-again.C:
		}
		err := f.send(ctx)
		if ctx.Err() != nil {
			return
		}
		f.cloud.counts.change(func(s *Stats) { s.Waiting = len(f.waiting) })
		wait := f.telling.note(err)
		if failing = err != nil; failing {
			again.Reset(wait)
		}
	}
}

// send publishes what waits, and takes out what was taken.
func (f *feed) send(ctx context.Context) error {
	group, err := f.group(ctx)
	if err != nil {
		return err
	}
	for len(f.waiting) > 0 {
		batch := f.waiting[:min(len(f.waiting), maxBatch)]
		var data []types.MetricDatum
		for _, s := range batch {
			data = append(data, s.data(f.sets(group))...)
		}
		if err := f.cloud.put(ctx, f.namespace, data); err != nil {
			return err
		}
		f.waiting = f.waiting[len(batch):]
		f.cloud.counts.change(func(s *Stats) { s.Published += uint64(len(batch)) })
	}
	return nil
}

// data returns a sample in all sets of dimensions.
func (s sample) data(sets [][]types.Dimension) (all []types.MetricDatum) {
	for _, v := range s.values {
		if v.v == nil {
			continue
		}
		for _, of := range sets {
			all = append(all, types.MetricDatum{
				MetricName: sdk.String(v.name), Dimensions: of, Timestamp: sdk.Time(s.at), Value: v.v,
				Unit: v.unit, StorageResolution: sdk.Int32(1),
			})
		}
	}
	return all
}

func (w *cloud) put(ctx context.Context, namespace string, data []types.MetricDatum) error {
	return w.call(ctx, "PutMetricData", func(ctx context.Context) error {
		_, err := w.watch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: data})
		return err
	})
}
