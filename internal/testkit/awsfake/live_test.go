package awsfake

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"livedub/internal/testkit/asg"
)

// key is the credentials that are good until Expire.
type key struct{}

// Retrieve is part of aws.CredentialsProvider.
func (key) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "ASIAFAKE000000000000", SecretAccessKey: "fake", SessionToken: "fake"}, nil
}

// clients are the SDK's own, as an operator's machine has them.
type clients struct {
	t      *testing.T
	groups *autoscaling.Client
	watch  *cloudwatch.Client
}

func connect(t *testing.T, f *Fake) clients {
	cfg := aws.Config{Region: Region, Credentials: key{}, HTTPClient: Instance{f, "operator"}, DisableRequestCompression: true, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	return clients{t, autoscaling.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)}
}

// put publishes a metric of a group.
func (c clients) put(group, name string, values ...float64) {
	c.t.Helper()
	var data []types.MetricDatum
	for _, v := range values {
		data = append(data, types.MetricDatum{MetricName: &name, Value: &v, Timestamp: aws.Time(time.Now()), StorageResolution: aws.Int32(1),
			Dimensions: []types.Dimension{{Name: aws.String("AutoScalingGroupName"), Value: &group}}})
	}
	if _, err := c.watch.PutMetricData(c.t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("DeepLearning"), MetricData: data}); err != nil {
		c.t.Fatal(err)
	}
}

// complete completes the hooks that wait.
func (c clients) complete(f *Fake, group string) {
	c.t.Helper()
	for _, in := range f.Instances(group) {
		hook := "up"
		if strings.HasPrefix(string(in.State), "Terminating") {
			hook = "down"
		}
		if !in.State.Waits() {
			continue
		}
		if _, err := c.groups.CompleteLifecycleAction(c.t.Context(), &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: &group, LifecycleHookName: &hook, InstanceId: aws.String(in.ID), LifecycleActionResult: aws.String("CONTINUE")}); err != nil {
			c.t.Error(err)
		}
	}
}

// fleet is a group of one to three with a warm pool, that wants one more at 70 % for 30 s.
func fleet() Group {
	return Group{
		Name: "g", EC2: EC2{Cold: 20 * time.Second, Warm: 12 * time.Second, Stop: 40 * time.Second}, Delay: 5 * time.Second,
		Config: asg.Config{
			Min: 1, Max: 3, Prepared: 3, Reuse: true,
			Launch:    asg.Hook{On: true, Name: "up", Timeout: 5 * time.Minute, Default: asg.Abandon},
			Terminate: asg.Hook{On: true, Name: "down", Timeout: 5 * time.Minute, Default: asg.Continue},
		},
		Policies: []Policy{
			{Name: "cpu", Namespace: "DeepLearning", Policy: asg.Policy{Metric: "CPUUtilization", Step: 1, Warmup: time.Minute,
				Out: asg.Alarm{Period: 10 * time.Second, Periods: 3, ToAlarm: 3, Threshold: 70, Missing: asg.MissingNotBreaching}}},
			{Name: "used", Namespace: "DeepLearning", Policy: asg.Tracking("UsedCapacity", 56, 10*time.Second, 20*time.Second)},
			{Name: "in", Namespace: "DeepLearning", Policy: asg.Policy{Metric: "UsedCapacity", Step: 1,
				In: asg.Alarm{Period: time.Minute, Periods: 10, ToAlarm: 10, Threshold: 24, Below: true, Missing: asg.MissingNotBreaching}}},
		},
	}
}

// TestLiveGroup: alarms on what nodes sent start an instance of the warm pool, and every read
// call tells of it.
func TestLiveGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := New(), fleet()
		var told []string
		began := time.Now()
		tell := func(what string) { told = append(told, fmt.Sprintf("%v %s", time.Since(began), what)) }
		names := map[string]int{} // in the order of their first start
		g.Start = func(id string, warm bool) {
			if names[id] == 0 {
				names[id] = len(names) + 1
			}
			tell(fmt.Sprintf("start %d warm=%v", names[id], warm))
		}
		g.Stop = func(id string) { tell(fmt.Sprintf("stop %d", names[id])) }
		f.AddGroup(g)
		ctx, end := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() { defer close(ran); f.Run(ctx) }()
		defer func() { end(); <-ran }()
		c := connect(t, f)
		time.Sleep(25 * time.Second)
		c.complete(f, "g") // all three: one serves, two go to the pool
		for range 20 {
			time.Sleep(10 * time.Second)
			c.put("g", "CPUUtilization", 20)
		}
		busy := time.Now() // 225 s, when the quiet value of 225 s is there: the third breaching period ends at 260 s
		for range 6 {
			c.put("g", "CPUUtilization", 95, 65) // 80 in the mean
			time.Sleep(10 * time.Second)
		}
		c.complete(f, "g")
		time.Sleep(time.Second)
		want := "20s start 1 warm=false; 20s start 2 warm=false; 20s start 3 warm=false; 25s stop 2; 25s stop 3; 4m32s start 2 warm=true"
		if got := strings.Join(told, "; "); got != want {
			t.Errorf("told\n%s, want\n%s", got, want)
		}
		checkGroup(t, c)
		checkActivities(t, c, began.Add(260*time.Second))
		checkAlarms(t, c, began.Add(260*time.Second))
		checkMetrics(t, c, busy)

		for n, ok := range map[int32]bool{0: false, 4: false, 3: true} {
			_, err := c.groups.SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: aws.String("g"), DesiredCapacity: &n})
			if (err == nil) != ok {
				t.Errorf("desired %d: %v", n, err)
			}
		}
		if f.Desired("g") != 3 {
			t.Errorf("desired %d", f.Desired("g"))
		}
	})
}

func checkGroup(t *testing.T, c clients) {
	t.Helper()
	groups, err := c.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"g"}})
	if err != nil || len(groups.AutoScalingGroups) != 1 {
		t.Fatalf("%v, %+v", err, groups)
	}
	is := groups.AutoScalingGroups[0]
	if *is.MinSize != 1 || *is.MaxSize != 3 || *is.DesiredCapacity != 2 || len(is.Instances) != 2 || *is.WarmPoolSize != 1 ||
		*is.WarmPoolConfiguration.MaxGroupPreparedCapacity != 3 || !*is.WarmPoolConfiguration.InstanceReusePolicy.ReuseOnScaleIn {
		t.Errorf("%+v", is)
	}
	for _, in := range is.Instances {
		if in.LifecycleState != "InService" || *in.HealthStatus != "Healthy" || *in.ProtectedFromScaleIn {
			t.Errorf("%+v", in)
		}
	}
	pool, err := c.groups.DescribeWarmPool(t.Context(), &autoscaling.DescribeWarmPoolInput{AutoScalingGroupName: aws.String("g")})
	if err != nil || len(pool.Instances) != 1 || pool.Instances[0].LifecycleState != "Warmed:Stopped" || pool.WarmPoolConfiguration.PoolState != "Stopped" {
		t.Errorf("%v, %+v", err, pool)
	}
	hooks, err := c.groups.DescribeLifecycleHooks(t.Context(), &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: aws.String("g")})
	if err != nil || len(hooks.LifecycleHooks) != 2 || *hooks.LifecycleHooks[0].DefaultResult != "ABANDON" {
		t.Errorf("%v, %+v", err, hooks)
	}
	policies, err := c.groups.DescribePolicies(t.Context(), &autoscaling.DescribePoliciesInput{AutoScalingGroupName: aws.String("g")})
	if err != nil || len(policies.ScalingPolicies) != 3 {
		t.Fatalf("%v, %+v", err, policies)
	}
	step, track := policies.ScalingPolicies[0], policies.ScalingPolicies[1]
	if *step.PolicyType != "StepScaling" || *step.StepAdjustments[0].ScalingAdjustment != 1 || len(step.Alarms) != 1 || *step.Alarms[0].AlarmName != "cpu-AlarmHigh" {
		t.Errorf("%+v", step)
	}
	if *track.PolicyType != "TargetTrackingScaling" || *track.TargetTrackingConfiguration.TargetValue != 56 || len(track.Alarms) != 2 || *track.TargetTrackingConfiguration.CustomizedMetricSpecification.MetricName != "UsedCapacity" {
		t.Errorf("%+v", track)
	}
	if in := policies.ScalingPolicies[2]; *in.StepAdjustments[0].ScalingAdjustment != -1 || *in.Alarms[0].AlarmName != "in-AlarmLow" {
		t.Errorf("%+v", in)
	}
}

func checkActivities(t *testing.T, c clients, decided time.Time) {
	t.Helper()
	out, err := c.groups.DescribeScalingActivities(t.Context(), &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String("g")})
	if err != nil || len(out.Activities) != 4 {
		t.Fatalf("%v, %d activities", err, len(out.Activities))
	}
	last := out.Activities[0]
	if !strings.Contains(*last.Description, "from warm pool: i-") || last.StatusCode != "Successful" || !last.StartTime.Equal(decided) || !last.EndTime.Equal(decided.Add(25*time.Second)) ||
		!strings.Contains(*last.Cause, "alarm cpu-AlarmHigh in state ALARM triggered policy cpu changing the desired capacity from 1 to 2") {
		t.Errorf("%s: %s: %v to %v, %s", *last.Description, last.StatusCode, last.StartTime, last.EndTime, *last.Cause)
	}
}

func checkAlarms(t *testing.T, c clients, decided time.Time) {
	t.Helper()
	alarms, err := c.watch.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"cpu-AlarmHigh"}})
	if err != nil || len(alarms.MetricAlarms) != 1 {
		t.Fatalf("%v, %+v", err, alarms)
	}
	a := alarms.MetricAlarms[0]
	if a.StateValue != "ALARM" || !a.StateUpdatedTimestamp.Equal(decided) || *a.Period != 10 || *a.DatapointsToAlarm != 3 || *a.Threshold != 70 || *a.MetricName != "CPUUtilization" || *a.Dimensions[0].Value != "g" {
		t.Errorf("%+v", a)
	}
	history, err := c.watch.DescribeAlarmHistory(t.Context(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("cpu-AlarmHigh"), HistoryItemType: types.HistoryItemTypeStateUpdate})
	if err != nil || len(history.AlarmHistoryItems) != 2 {
		t.Fatalf("%v, %+v", err, history)
	}
	turn := history.AlarmHistoryItems[0]
	if !turn.Timestamp.Equal(decided) || *turn.HistorySummary != "Alarm updated from OK to ALARM" || !strings.Contains(*turn.HistoryData, `"newState":{"stateValue":"ALARM"}`) {
		t.Errorf("%+v %s", turn, *turn.HistoryData)
	}
}

func checkMetrics(t *testing.T, c clients, busy time.Time) {
	t.Helper()
	ofGroup := []types.Dimension{{Name: aws.String("AutoScalingGroupName"), Value: aws.String("g")}}
	stats, err := c.watch.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("DeepLearning"), MetricName: aws.String("CPUUtilization"), Dimensions: ofGroup, Period: aws.Int32(10),
		StartTime: aws.Time(busy), EndTime: aws.Time(time.Now()), Statistics: []types.Statistic{types.StatisticAverage, types.StatisticMaximum, types.StatisticSampleCount}})
	if err != nil || len(stats.Datapoints) != 6 {
		t.Fatalf("%v, %+v", err, stats)
	}
	// The quiet value of 225 s is in the first period too.
	if p := stats.Datapoints[1]; *p.Average != 80 || *p.Maximum != 95 || *p.SampleCount != 2 || !p.Timestamp.Equal(busy.Truncate(10*time.Second).Add(10*time.Second)) {
		t.Errorf("%+v", p)
	}
	data, err := c.watch.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(busy), EndTime: aws.Time(time.Now()), ScanBy: types.ScanByTimestampAscending,
		MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("cpu"), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("DeepLearning"), MetricName: aws.String("CPUUtilization"), Dimensions: ofGroup}, Period: aws.Int32(60), Stat: aws.String("Average")}}}})
	if err != nil || len(data.MetricDataResults) != 1 || len(data.MetricDataResults[0].Values) != 2 {
		t.Fatalf("%v, %+v", err, data)
	}
	if v := data.MetricDataResults[0].Values[0]; math.Abs(v-(5*20+2*160)/9.) > 1e-9 || *data.MetricDataResults[0].Id != "cpu" {
		t.Errorf("%v", v)
	}
	if _, err := c.watch.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("DeepLearning"), MetricName: aws.String("CPUUtilization"), Period: aws.Int32(7), StartTime: aws.Time(busy), EndTime: aws.Time(time.Now())}); err == nil {
		t.Error("a period of 7 s")
	}
}

// TestCallbacksMayAsk: who is called may use the Fake, and hears of what he does in its order.
func TestCallbacksMayAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := New(), fleet()
		g.Max, g.Prepared, g.Policies = 1, 0, nil
		var states []string
		g.Changed = func(c asg.Change) { states = append(states, string(c.To)) }
		g.Start = func(id string, _ bool) {
			if err := f.Complete(id, asg.Continue); err != nil {
				t.Error(err)
			}
			states = append(states, "and is "+string(f.State(id)))
		}
		f.AddGroup(g)
		time.Sleep(20 * time.Second)
		f.Step(time.Now())
		if got, want := strings.Join(states, ", "), "Pending, Pending:Wait, and is InService, Pending:Proceed, InService"; got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
	})
}
