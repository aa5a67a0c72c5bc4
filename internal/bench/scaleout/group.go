package scaleout

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	as "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Group is an Auto Scaling group before the load.
type Group struct {
	Name    string   `json:"name"`
	Account string   `json:"account"`
	Region  string   `json:"region"`
	Min     int      `json:"min"`
	Max     int      `json:"max"`
	Desired int      `json:"desired"`
	Policy  []string `json:"policies"` // that scale out
	Warm    int      `json:"warm"`     // instances that wait in the warm pool
	Type    string   `json:"instance_type,omitempty"`

	instances map[string]bool // that it has
	pool      map[string]bool // that wait in its warm pool
	alarms    []cw.MetricAlarm
}

// accountOf is the account in a group's ARN.
var accountOf = regexp.MustCompile(`^arn:[^:]*:autoscaling:[^:]*:([0-9]{12}):`)

// describe asks for the group.
func (c *Cloud) describe(ctx context.Context, name string) (as.AutoScalingGroup, error) {
	out, err := ask(ctx, c, "DescribeAutoScalingGroups", c.groups.DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return as.AutoScalingGroup{}, err
	}
	if len(out.AutoScalingGroups) > 0 {
		return out.AutoScalingGroups[0], nil
	}
	others := "it has none"
	if out, err = ask(ctx, c, "DescribeAutoScalingGroups", c.groups.DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: sdk.Int32(5)}); err != nil {
		return as.AutoScalingGroup{}, err
	}
	if len(out.AutoScalingGroups) > 0 {
		var names []string
		for _, g := range out.AutoScalingGroups {
			names = append(names, sdk.ToString(g.AutoScalingGroupName))
		}
		others = "it has " + strings.Join(names, ", ")
	}
	return as.AutoScalingGroup{}, fmt.Errorf("no Auto Scaling group %q in %s of this account (%s): mend --group, --region or AWS_PROFILE", name, c.Region, others)
}

// Look looks at a group and tells why it could not scale out, if it could not.
func (c *Cloud) Look(ctx context.Context, name string) (*Group, error) {
	is, err := c.describe(ctx, name)
	if err != nil {
		return nil, err
	}
	g := &Group{
		Name: name, Region: c.Region, Min: int(sdk.ToInt32(is.MinSize)), Max: int(sdk.ToInt32(is.MaxSize)), Desired: int(sdk.ToInt32(is.DesiredCapacity)),
		instances: map[string]bool{}, pool: map[string]bool{},
	}
	if found := accountOf.FindStringSubmatch(sdk.ToString(is.AutoScalingGroupARN)); found != nil {
		g.Account = found[1]
	}
	for _, p := range is.SuspendedProcesses {
		if n := sdk.ToString(p.ProcessName); n == "Launch" || n == "AlarmNotification" {
			return nil, fmt.Errorf("the process %s of group %s is suspended: aws autoscaling resume-processes --auto-scaling-group-name %s", n, name, name)
		}
	}
	for _, i := range is.Instances {
		id := sdk.ToString(i.InstanceId)
		if i.LifecycleState != as.LifecycleStateInService && i.LifecycleState != as.LifecycleStateStandby {
			return nil, fmt.Errorf("instance %s is %s: wait until the group is at rest", id, i.LifecycleState)
		}
		g.instances[id], g.Type = true, sdk.ToString(i.InstanceType)
	}
	if g.Desired >= g.Max {
		return nil, fmt.Errorf("group %s wants %d instances and may have %d: it cannot grow: raise its maximum, or wait for scale-in", name, g.Desired, g.Max)
	}
	if is.WarmPoolConfiguration != nil {
		if err := c.lookPool(ctx, g); err != nil {
			return nil, err
		}
	}
	if err := c.lookAlarms(ctx, g); err != nil {
		return nil, err
	}
	return g, nil
}

// lookPool asks for the warm pool.
func (c *Cloud) lookPool(ctx context.Context, g *Group) error {
	out, err := ask(ctx, c, "DescribeWarmPool", c.groups.DescribeWarmPool, &autoscaling.DescribeWarmPoolInput{AutoScalingGroupName: &g.Name})
	if err != nil {
		return err
	}
	for _, i := range out.Instances {
		id := sdk.ToString(i.InstanceId)
		switch i.LifecycleState {
		case as.LifecycleStateWarmedStopped, as.LifecycleStateWarmedRunning, as.LifecycleStateWarmedHibernated:
			g.pool[id] = true
		case as.LifecycleStateWarmedTerminating, as.LifecycleStateWarmedTerminatingWait, as.LifecycleStateWarmedTerminatingProceed, as.LifecycleStateWarmedTerminated:
		default:
			return fmt.Errorf("instance %s of the warm pool is %s: wait until it is stopped", id, i.LifecycleState)
		}
	}
	g.Warm = len(g.pool)
	return nil
}

// lookAlarms asks for the alarms by which the group scales out.
func (c *Cloud) lookAlarms(ctx context.Context, g *Group) error {
	out, err := ask(ctx, c, "DescribePolicies", c.groups.DescribePolicies, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: &g.Name})
	if err != nil {
		return err
	}
	var names []string
	tracks := map[string]bool{}
	for _, p := range out.ScalingPolicies {
		if p.Enabled != nil && !*p.Enabled || !grows(p) {
			continue
		}
		g.Policy = append(g.Policy, sdk.ToString(p.PolicyName))
		for _, a := range p.Alarms {
			n := sdk.ToString(a.AlarmName)
			names, tracks[n] = append(names, n), sdk.ToString(p.PolicyType) == "TargetTrackingScaling"
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("group %s has no policy that scales out by an alarm: add one (deploy/terraform makes three)", g.Name)
	}
	alarms, err := ask(ctx, c, "DescribeAlarms", c.watch.DescribeAlarms, &cloudwatch.DescribeAlarmsInput{AlarmNames: names, AlarmTypes: []cw.AlarmType{cw.AlarmTypeMetricAlarm}})
	if err != nil {
		return err
	}
	for _, a := range alarms.MetricAlarms {
		name := sdk.ToString(a.AlarmName)
		switch {
		case tracks[name] && !above(a.ComparisonOperator): // by which target tracking scales in
			continue
		case a.ActionsEnabled != nil && !*a.ActionsEnabled:
			continue
		case a.StateValue == cw.StateValueAlarm:
			return fmt.Errorf("alarm %s is on already: let the load fall until it is off", name)
		}
		g.alarms = append(g.alarms, a)
	}
	if len(g.alarms) == 0 {
		return errors.New("no alarm of the group's policies acts: are their actions enabled?")
	}
	slices.SortFunc(g.alarms, func(a, b cw.MetricAlarm) int {
		return strings.Compare(sdk.ToString(a.AlarmName), sdk.ToString(b.AlarmName))
	})
	return nil
}

// grows tells whether a policy adds instances.
func grows(p as.ScalingPolicy) bool {
	switch sdk.ToString(p.PolicyType) {
	case "TargetTrackingScaling":
		return true
	case "StepScaling":
		return slices.ContainsFunc(p.StepAdjustments, func(s as.StepAdjustment) bool { return sdk.ToInt32(s.ScalingAdjustment) > 0 })
	case "PredictiveScaling":
		return false
	}
	return sdk.ToInt32(p.ScalingAdjustment) > 0
}

// above tells whether an alarm goes on when its metric rises.
func above(c cw.ComparisonOperator) bool {
	return c == cw.ComparisonOperatorGreaterThanThreshold || c == cw.ComparisonOperatorGreaterThanOrEqualToThreshold
}

// over tells whether a value is one at which an alarm goes on.
func over(a cw.MetricAlarm, v float64) bool {
	t := sdk.ToFloat64(a.Threshold)
	switch a.ComparisonOperator {
	case cw.ComparisonOperatorGreaterThanThreshold:
		return v > t
	case cw.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return v >= t
	case cw.ComparisonOperatorLessThanThreshold:
		return v < t
	case cw.ComparisonOperatorLessThanOrEqualToThreshold:
		return v <= t
	}
	return false
}
