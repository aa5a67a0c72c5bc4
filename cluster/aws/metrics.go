package aws

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Load is how full a node is, and how its dubs fare.
type Load struct {
	CPU            float64  // percent of the machine's
	GPU, GPUMemory *float64 // percent of the busiest's, of the fullest's; nil without a GPU that tells
	Used           float64  // percent of the node's places
	Free           float64  // places

	// Of the last minute, in seconds; nil where no dub began, or no frame left.
	Lateness *float64 // 95 % of dubs began no later than that after their place
	Offset   *float64 // in 95 % of frames sound and picture were no further apart, either way
}

// values are what a node publishes of a moment.
func (l Load) values() []value {
	return []value{
		{"GPUUtilization", types.StandardUnitPercent, l.GPU},
		{"GPUMemoryUtilization", types.StandardUnitPercent, l.GPUMemory},
		{"CPUUtilization", types.StandardUnitPercent, &l.CPU},
		{"UsedCapacity", types.StandardUnitPercent, &l.Used},
		{"FreeCapacity", types.StandardUnitCount, &l.Free},
		{"DubLateness", types.StandardUnitSeconds, l.Lateness},
		{"AVOffset", types.StandardUnitSeconds, l.Offset},
	}
}

// publish sends samples to CloudWatch while the instance is in service.
func (a *Agent) publish(ctx context.Context) {
	a.feed().run(ctx, func(at time.Time) *sample {
		if !a.serving.Load() {
			return nil
		}
		return &sample{at, a.cfg.Load().values()}
	})
}

func (a *Agent) feed() *feed {
	return &feed{
		cloud: a.cloud, namespace: a.cfg.Namespace, group: a.findGroup, telling: trouble{log: a.cfg.Log, what: "metrics"},
		// CloudWatch adds nothing up by itself: each value is published for the group as well.
		sets: func(group string) [][]types.Dimension {
			of := dimension("AutoScalingGroupName", group)
			return [][]types.Dimension{{of}, {of, dimension("InstanceId", a.cloud.instance)}}
		},
	}
}

func dimension(name, value string) types.Dimension {
	return types.Dimension{Name: sdk.String(name), Value: sdk.String(value)}
}
