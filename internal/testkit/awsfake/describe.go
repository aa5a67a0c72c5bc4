package awsfake

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"livedub/internal/testkit/asg"
)

// describes are the reads of the Auto Scaling service. Each answers with all there is: no pages.
var describes = map[string]func(*Fake, url.Values) (result, code, says string){
	"DescribeAutoScalingInstances": (*Fake).describeInstances,
	"DescribeAutoScalingGroups":    (*Fake).describeGroups,
	"DescribeLifecycleHooks":       ofGroup(hooks),
	"DescribeWarmPool":             ofGroup(warmPool),
	"DescribeScalingActivities":    ofGroup(activities),
	"DescribePolicies":             ofGroup(policies),
}

// ofGroup describes something of a group that must be there.
func ofGroup(describe func(*group) string) func(*Fake, url.Values) (string, string, string) {
	return func(f *Fake, form url.Values) (string, string, string) {
		g := f.groups[form.Get("AutoScalingGroupName")]
		if g == nil {
			return "", invalid, "AutoScalingGroup name not found"
		}
		return describe(g), "", ""
	}
}

// el is an XML element with a value.
func el(name string, value any) string {
	if at, ok := value.(time.Time); ok {
		value = at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return "<" + name + ">" + escape(fmt.Sprint(value)) + "</" + name + ">"
}

// list is an XML list of members.
func list[T any](name string, of []T, member func(T) string) string {
	out := "<" + name + ">"
	for _, v := range of {
		out += "<member>" + member(v) + "</member>"
	}
	return out + "</" + name + ">"
}

// wants tells whether a form names something in a list, or has none.
func wants(form url.Values, list, name string) bool {
	if form.Get(list+".member.1") == "" {
		return true
	}
	for n := 1; form.Get(list+".member."+strconv.Itoa(n)) != ""; n++ {
		if form.Get(list+".member."+strconv.Itoa(n)) == name {
			return true
		}
	}
	return false
}

func arn(service, what string) string {
	return "arn:aws:" + service + ":" + Region + ":" + Account + ":" + what
}

func (f *Fake) describeInstances(form url.Values) (result, code, says string) {
	var all []string
	for _, g := range f.sorted() {
		for _, in := range g.sizes.Instances() {
			if wants(form, "InstanceIds", in.ID) {
				all = append(all, el("AutoScalingGroupName", g.Name)+member(in, strings.ToUpper))
			}
		}
	}
	return list("AutoScalingInstances", all, func(s string) string { return s }), "", ""
}

// as is an instance in the words of all calls but DescribeAutoScalingInstances, which writes its health in capitals.
func as(in asg.Instance) string { return member(in, strings.Clone) }

// member is what an instance is in its group.
func member(in asg.Instance, write func(string) string) string {
	health := "Healthy"
	if !in.Healthy() {
		health = "Unhealthy"
	}
	return el("InstanceId", in.ID) + el("AvailabilityZone", Region+"a") + el("LifecycleState", in.State) + el("HealthStatus", write(health)) + el("ProtectedFromScaleIn", in.Protected)
}

func (f *Fake) sorted() []*group {
	var all []*group
	for _, g := range f.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

func (f *Fake) describeGroups(form url.Values) (result, code, says string) {
	all := slices.DeleteFunc(f.sorted(), func(g *group) bool { return !wants(form, "AutoScalingGroupNames", g.Name) })
	return list("AutoScalingGroups", all, func(g *group) string {
		own := slices.DeleteFunc(g.sizes.Instances(), func(in asg.Instance) bool { return in.State.Warmed() })
		out := el("AutoScalingGroupName", g.Name) + el("AutoScalingGroupARN", arn("autoscaling", "autoScalingGroup:fake:autoScalingGroupName/"+g.Name)) +
			el("MinSize", g.Min) + el("MaxSize", g.Max) + el("DesiredCapacity", g.sizes.Desired()) + el("DefaultCooldown", 300) + el("HealthCheckType", "EC2") + el("CreatedTime", g.created) +
			list("Instances", own, as)
		if g.Prepared > 0 {
			out += pool(g) + el("WarmPoolSize", len(g.sizes.Instances())-len(own))
		}
		return out
	}), "", ""
}

func pool(g *group) string {
	state := "Stopped"
	if g.Running {
		state = "Running"
	}
	return "<WarmPoolConfiguration>" + el("MaxGroupPreparedCapacity", g.Prepared) + el("MinSize", 0) + el("PoolState", state) +
		"<InstanceReusePolicy>" + el("ReuseOnScaleIn", g.Reuse) + "</InstanceReusePolicy></WarmPoolConfiguration>"
}

func warmPool(g *group) string {
	if g.Prepared == 0 {
		return list("Instances", []asg.Instance{}, nil)
	}
	in := slices.DeleteFunc(g.sizes.Instances(), func(in asg.Instance) bool { return !in.State.Warmed() })
	return pool(g) + list("Instances", in, as)
}

func hooks(g *group) string {
	type hook struct {
		asg.Hook
		transition string
	}
	all := slices.DeleteFunc([]hook{{g.Launch, launching}, {g.Terminate, terminating}}, func(h hook) bool { return !h.On })
	return list("LifecycleHooks", all, func(h hook) string {
		result := "CONTINUE"
		if h.Default == asg.Abandon {
			result = "ABANDON"
		}
		return el("LifecycleHookName", h.Name) + el("AutoScalingGroupName", g.Name) + el("LifecycleTransition", h.transition) +
			el("HeartbeatTimeout", int(h.Timeout.Seconds())) + el("DefaultResult", result)
	})
}

// activities are the newest first.
func activities(g *group) string {
	all := slices.Clone(g.activities)
	slices.Reverse(all)
	return list("Activities", all, func(a *activity) string { return a.xml(g) })
}

func (a *activity) xml(g *group) string {
	progress, end := 50, ""
	if !a.end.IsZero() {
		progress, end = 100, el("EndTime", a.end)
	}
	return el("ActivityId", a.id) + el("AutoScalingGroupName", g.Name) + el("Description", a.description) + el("Cause", a.because) +
		el("StartTime", a.start) + end + el("StatusCode", a.status) + el("Progress", progress)
}

func policies(g *group) string {
	return list("ScalingPolicies", g.Policies, func(p Policy) string {
		out := el("PolicyName", p.Name) + el("PolicyARN", arn("autoscaling", "scalingPolicy:fake:policyName/"+p.Name)) + el("AutoScalingGroupName", g.Name) + el("Enabled", true)
		own := slices.DeleteFunc(slices.Clone(g.alarms), func(a *alarm) bool { return a.policy.Name != p.Name })
		out += list("Alarms", own, func(a *alarm) string {
			return el("AlarmName", a.name) + el("AlarmARN", arn("cloudwatch", "alarm:"+a.name))
		})
		switch {
		case p.Target > 0:
			out += el("PolicyType", "TargetTrackingScaling") + el("EstimatedInstanceWarmup", int(p.Warmup.Seconds())) + "<TargetTrackingConfiguration>" +
				el("TargetValue", p.Target) + el("DisableScaleIn", p.In.Period == 0) + "<CustomizedMetricSpecification>" + el("Namespace", p.Namespace) + el("MetricName", p.Metric) + el("Statistic", "Average") + el("Period", int(p.Out.Period.Seconds())) +
				list("Dimensions", []string{g.Name}, func(name string) string { return el("Name", "AutoScalingGroupName") + el("Value", name) }) + "</CustomizedMetricSpecification></TargetTrackingConfiguration>"
		case p.Cooldown > 0:
			out += el("PolicyType", "SimpleScaling") + el("AdjustmentType", "ChangeInCapacity") + el("ScalingAdjustment", p.Step) + el("Cooldown", int(p.Cooldown.Seconds()))
		case p.Out.Period == 0:
			out += el("PolicyType", "StepScaling") + el("AdjustmentType", "ChangeInCapacity") + list("StepAdjustments", []int{-1}, func(n int) string { return el("MetricIntervalUpperBound", 0) + el("ScalingAdjustment", n) })
		default:
			out += el("PolicyType", "StepScaling") + el("AdjustmentType", "ChangeInCapacity") + el("EstimatedInstanceWarmup", int(p.Warmup.Seconds())) +
				list("StepAdjustments", []int{p.Step}, func(n int) string { return el("MetricIntervalLowerBound", 0) + el("ScalingAdjustment", n) })
		}
		return out
	})
}
