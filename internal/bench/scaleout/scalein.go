package scaleout

import (
	"context"
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
)

// scaleIn waits until the group is as small as it was, and the new instances are gone.
func (r *run) scaleIn(ctx context.Context) (*ScaleIn, error) {
	var s ScaleIn
	for began := time.Now(); ; {
		is, err := r.cfg.Cloud.describe(ctx, r.plan.Group.Name)
		if err != nil {
			return nil, err
		}
		at := seconds(time.Since(began))
		if s.DecidedS == 0 && int(sdk.ToInt32(is.DesiredCapacity)) <= r.plan.Group.Desired {
			s.DecidedS = at
			r.tell("the group wants to be as small as before")
		}
		left := 0
		for _, i := range is.Instances {
			if _, ours := r.watcher.states[sdk.ToString(i.InstanceId)]; ours {
				left++
			}
		}
		if s.DecidedS > 0 && (left == 0 || len(is.Instances) <= r.plan.Group.Desired) {
			s.GoneS = at
			return &s, nil
		}
		if time.Since(began) > r.cfg.ScaleIn {
			return nil, fmt.Errorf("scale-in: after %v the group has %d instances and wants %d: look at its alarm, and whether sessions of others protect its instances", r.cfg.ScaleIn, len(is.Instances), sdk.ToInt32(is.DesiredCapacity))
		}
		if !sleep(ctx, r.cfg.Every) {
			return nil, ctx.Err()
		}
	}
}
