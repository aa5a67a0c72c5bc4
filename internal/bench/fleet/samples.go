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

// samples is what the nodes reported. Sample j was taken at j times every, and belongs to the period
// that this lies in, as CloudWatch has it: a period begins with its first moment and ends before its
// last.
type samples struct {
	every time.Duration
	sums  []values
	count []int
}

func (s *samples) add(v values, nodes int) {
	s.sums, s.count = append(s.sums, v), append(s.count, nodes)
}

// points returns the newest n data points of whole periods, oldest first: each the mean over all nodes
// and samples of a period that show by now, delay after they were taken; NaN where there is none.
func (s *samples) points(metric string, period time.Duration, n int, now, delay time.Duration) []float64 {
	each := int(period / s.every)
	last := int(now / period)
	var out []float64
	for p := max(last-n, 0); p < last; p++ {
		sum, count := 0.0, 0
		for j := p * each; j < (p+1)*each && j < len(s.sums) && time.Duration(j)*s.every+delay <= now; j++ {
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
