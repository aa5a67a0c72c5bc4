package fleet

import (
	"math"
	"time"
)

// The metrics that a node reports.
const (
	metricCPU       = "CPUUtilization"
	metricGPUMemory = "GPUMemoryUtilization"
	metricUsed      = "UsedCapacity"
)

// values is one sample, added up over the nodes in service.
type values struct{ cpu, gpuMemory, used float64 }

// samples is what the nodes reported. Sample j covers the time that ends at j times every.
type samples struct {
	every time.Duration
	sums  []values
	count []int
}

func (s *samples) add(v values, nodes int) {
	s.sums, s.count = append(s.sums, v), append(s.count, nodes)
}

// points returns the newest n data points that were published by until, oldest first: each the mean over
// all nodes and samples of a period, NaN where there was none.
func (s *samples) points(metric string, period time.Duration, n int, until time.Duration) []float64 {
	each := int(period / s.every)
	last := int(until / period) // complete periods
	var out []float64
	for p := max(last-n, 0); p < last; p++ {
		sum, count := 0.0, 0
		for j := p*each + 1; j <= (p+1)*each && j < len(s.sums); j++ {
			sum += s.sums[j].of(metric)
			count += s.count[j]
		}
		if count == 0 {
			out = append(out, math.NaN())
			continue
		}
		out = append(out, sum/float64(count))
	}
	return out
}

func (v values) of(metric string) float64 {
	switch metric {
	case metricCPU:
		return v.cpu
	case metricGPUMemory:
		return v.gpuMemory
	}
	return v.used
}
