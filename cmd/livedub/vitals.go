package main

import (
	"context"
	"math"

	"livedub/cluster"
	"livedub/internal/gpu"
	"livedub/internal/proc"
)

// vitals is how busy this node's GPUs and its memory are, each 0 to 1. Of several
// GPUs, and of a chip's parts, the busiest counts; of memory the machine's, the
// control group's and the GPUs', the fullest.
func (n *membership) vitals() (busy, memory float64) {
	ctx, cancel := context.WithTimeout(context.Background(), gpuPatience)
	defer cancel()
	return vitalsOf(n.gpus(ctx), proc.MemoryUse())
}

func vitalsOf(r gpu.Report, memory float64) (busy, fullest float64) {
	fullest = part(memory)
	for _, d := range r.Devices {
		for _, load := range []*float64{d.Busy, d.Encoder, d.Decoder} {
			if load != nil {
				busy = max(busy, part(*load))
			}
		}
		if d.MemoryUsed != nil && d.MemoryTotal != nil {
			fullest = max(fullest, part(*d.MemoryUsed / *d.MemoryTotal))
		}
	}
	return busy, fullest
}

// part bounds what a driver or a kernel tells to 0..1.
func part(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, 0), 1)
}

// usual is what a session of the page costs: one language, with its mouths.
var usual = cluster.DefaultPrices.Cost(cluster.Work{Languages: 1, Lips: true})

// room returns how many places the node has: those that its sessions take, and for
// each session that may still come what they take on average, or what a usual one
// does where there is none: the last place of an idle node is one for that. How many may
// come is measured by what one of them costs here; where they are dear, so many are as
// many more places.
func room(used float64, there, more int) float64 {
	each := usual
	if there > 0 && used > 0 {
		each = used / float64(there)
	}
	return used + each*float64(more)
}
