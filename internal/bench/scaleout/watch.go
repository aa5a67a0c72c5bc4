package scaleout

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	as "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/middleware"
)

const (
	skewLeast  = 2 * time.Second // AWS tells its time in whole seconds
	lookBack   = time.Minute     // of metrics, so that a period that began before the load is there
	activities = 20
)

// watcher looks at AWS again and again, and marks what came to pass there.
type watcher struct {
	cloud *Cloud
	group *Group
	began time.Time // the load
	marks *marks
	told  func(string)

	skew      time.Duration // by which AWS's clock is ahead
	alarm     string        // the first that went on
	states    states        // of new instances
	inService times         // likewise
	warm      bool
}

type (
	states map[string]as.LifecycleState
	times  map[string]time.Time
)

// look looks once.
func (w *watcher) look(ctx context.Context) error {
	if err := w.lookGroup(ctx); err != nil {
		return err
	}
	if _, known := w.marks.get(Decided); !known {
		return w.lookAlarms(ctx)
	}
	if len(w.states) == 0 {
		return w.lookActivities(ctx)
	}
	return nil
}

// lookGroup sees the group's size and its new instances.
func (w *watcher) lookGroup(ctx context.Context) error {
	out, err := ask(ctx, w.cloud, "DescribeAutoScalingGroups", w.cloud.groups.DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{w.group.Name}})
	if err != nil {
		return err
	}
	now := time.Now()
	w.clock(out.ResultMetadata, now)
	if len(out.AutoScalingGroups) == 0 {
		return fmt.Errorf("group %s is gone", w.group.Name)
	}
	is := out.AutoScalingGroups[0]
	if int(sdk.ToInt32(is.DesiredCapacity)) > w.group.Desired {
		if _, known := w.marks.get(Decided); !known {
			// The alarm and the activity that tell it exactly are read first.
			if err := w.lookAlarms(ctx); err != nil {
				return err
			}
			if err := w.lookActivities(ctx); err != nil {
				return err
			}
		}
		w.mark(Decided, now)
	}
	here := map[string]bool{}
	for _, i := range is.Instances {
		id := sdk.ToString(i.InstanceId)
		here[id] = true
		if !w.group.instances[id] {
			w.instance(id, i.LifecycleState, now)
		}
	}
	for id, state := range w.states {
		if !here[id] && state != "" && len(w.inService) == 0 {
			w.states[id] = ""
			w.told(fmt.Sprintf("instance %s has left again (it was %s): its launching hook was abandoned or timed out: look at its log", id, state))
		}
	}
	return nil
}

// instance sees the state of a new instance.
func (w *watcher) instance(id string, s as.LifecycleState, now time.Time) {
	if w.states[id] == s || strings.HasPrefix(string(s), "Terminat") {
		return
	}
	w.states[id] = s
	w.warm = w.warm || w.group.pool[id]
	w.told(fmt.Sprintf("instance %s is %s", id, s))
	w.mark(Pending, now)
	if s == as.LifecycleStatePending {
		return
	}
	w.mark(Waits, now)
	if s == as.LifecycleStateInService {
		w.inService[id] = now
	}
}

// lookAlarms sees metrics over their threshold, and alarms that went on.
func (w *watcher) lookAlarms(ctx context.Context) error {
	if _, known := w.marks.get(Metric); !known {
		for _, a := range w.group.alarms {
			if err := w.lookMetric(ctx, a); err != nil {
				return err
			}
		}
	}
	if _, known := w.marks.get(Alarm); known {
		return nil
	}
	var first time.Time
	for _, a := range w.group.alarms {
		out, err := ask(ctx, w.cloud, "DescribeAlarmHistory", w.cloud.watch.DescribeAlarmHistory, &cloudwatch.DescribeAlarmHistoryInput{
			AlarmName: a.AlarmName, HistoryItemType: cw.HistoryItemTypeStateUpdate, StartDate: sdk.Time(w.theirs(w.began)),
		})
		if err != nil {
			return err
		}
		for _, item := range out.AlarmHistoryItems {
			if at := w.ours(item.Timestamp); wentOn(item) && (first.IsZero() || at.Before(first)) {
				first, w.alarm = at, sdk.ToString(a.AlarmName)
			}
		}
	}
	if !first.IsZero() {
		w.mark(Alarm, first)
	}
	return nil
}

// wentOn tells whether an alarm's history says that it went on.
func wentOn(item cw.AlarmHistoryItem) bool {
	var data struct {
		NewState struct{ StateValue string } `json:"newState"`
	}
	if json.Unmarshal([]byte(sdk.ToString(item.HistoryData)), &data) == nil && data.NewState.StateValue != "" {
		return data.NewState.StateValue == string(cw.StateValueAlarm)
	}
	return strings.HasSuffix(sdk.ToString(item.HistorySummary), " to ALARM")
}

// lookMetric sees whether the metric of an alarm is over its threshold.
func (w *watcher) lookMetric(ctx context.Context, a cw.MetricAlarm) error {
	now := time.Now()
	queries := a.Metrics
	if len(queries) == 0 {
		stat := string(a.Statistic)
		if stat == "" {
			stat = sdk.ToString(a.ExtendedStatistic)
		}
		queries = []cw.MetricDataQuery{{Id: sdk.String("m"), MetricStat: &cw.MetricStat{
			Metric: &cw.Metric{Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions}, Period: a.Period, Stat: &stat,
		}}}
	}
	out, err := ask(ctx, w.cloud, "GetMetricData", w.cloud.watch.GetMetricData, &cloudwatch.GetMetricDataInput{
		MetricDataQueries: queries, StartTime: sdk.Time(w.theirs(w.began).Add(-lookBack)), EndTime: sdk.Time(w.theirs(now).Add(lookBack)),
	})
	if err != nil {
		return err
	}
	for _, r := range out.MetricDataResults {
		for i, v := range r.Values {
			if i < len(r.Timestamps) && over(a, v) && !w.ours(&r.Timestamps[i]).Add(time.Duration(sdk.ToInt32(a.Period))*time.Second).Before(w.began) {
				w.told(fmt.Sprintf("%s is %.3g, over the threshold of %.3g", sdk.ToString(a.MetricName), v, sdk.ToFloat64(a.Threshold)))
				w.mark(Metric, now)
				return nil
			}
		}
	}
	return nil
}

var instanceID = regexp.MustCompile(`\bi-[0-9a-f]{8,}\b`)

// lookActivities sees when the group began to act, and what it could not do.
func (w *watcher) lookActivities(ctx context.Context) error {
	out, err := ask(ctx, w.cloud, "DescribeScalingActivities", w.cloud.groups.DescribeScalingActivities, &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: &w.group.Name, MaxRecords: sdk.Int32(activities)})
	if err != nil {
		return err
	}
	for _, a := range slices.Backward(out.Activities) { // the newest comes first
		at := w.ours(a.StartTime)
		if at.Before(w.began) || !strings.HasPrefix(sdk.ToString(a.Description), "Launching") {
			continue
		}
		w.mark(Decided, at)
		if a.StatusCode == as.ScalingActivityStatusCodeFailed {
			return fmt.Errorf("the group could not launch an instance: %s: mend that (a quota, another zone or type), then try again", strings.Join(strings.Fields(sdk.ToString(a.StatusMessage)), " "))
		}
		if id := instanceID.FindString(sdk.ToString(a.Description)); id != "" && w.group.pool[id] {
			w.warm = true
		}
	}
	return nil
}

// mark notes a step.
func (w *watcher) mark(s Step, at time.Time) {
	if _, known := w.marks.get(s); !known {
		w.marks.set(s, at)
		w.told(nameOf(s))
	}
}

func nameOf(s Step) string {
	for _, x := range steps {
		if x.step == s {
			return x.name
		}
	}
	return string(s)
}

// clock learns by how much AWS's clock is ahead of this machine's.
func (w *watcher) clock(m middleware.Metadata, now time.Time) {
	at, ok := awsmiddleware.GetServerTime(m)
	if off := at.Sub(now); ok && off.Abs() >= skewLeast {
		w.skew = off
	} else if ok {
		w.skew = 0
	}
}

// ours is a time of AWS's by this machine's clock, which it cannot be later than now.
func (w *watcher) ours(at *time.Time) time.Time {
	t := sdk.ToTime(at).Add(-w.skew)
	if now := time.Now(); t.After(now) {
		return now
	}
	return t
}

// theirs is the other way.
func (w *watcher) theirs(at time.Time) time.Time { return at.Add(w.skew) }

// launched are the new instances, in the order of their IDs.
func (w *watcher) launched() []string { return slices.Sorted(maps.Keys(w.states)) }
