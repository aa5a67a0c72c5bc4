package awsfake

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"livedub/internal/testkit/asg"
)

// TestFlapping: alarms that come and go over the data that nodes send make at most one action a
// cooldown in each direction, and step policies, which have none, no more than one a warm-up.
func TestFlapping(t *testing.T) {
	const pause = 5 * time.Minute
	out := asg.Alarm{Period: 10 * time.Second, Periods: 1, ToAlarm: 1, Threshold: 70}
	in := asg.Alarm{Period: 10 * time.Second, Periods: 1, ToAlarm: 1, Threshold: 30, Below: true}
	for _, c := range []struct {
		name   string
		policy asg.Policy
		way    string // that actions go
		values []float64
	}{
		{"simple scaling", asg.Policy{Metric: "CPUUtilization", Step: 1, Out: out, In: in, Cooldown: pause}, "Launching", []float64{90, 50, 10}},
		{"simple scaling inwards", asg.Policy{Metric: "CPUUtilization", Step: 1, Out: out, In: in, Cooldown: pause}, "Terminating", []float64{10, 50}},
		{"step scaling", asg.Policy{Metric: "CPUUtilization", Step: 1, Out: out, Warmup: pause}, "Launching", []float64{90, 10}},
		{"target tracking", asg.Policy{Metric: "CPUUtilization", Target: 60, Out: out, Warmup: pause}, "Launching", []float64{90, 10}},
	} {
		for name, each := range map[string]int{"every 10 s": 1, "every minute": 6, "every 70 s": 7} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := New()
					f.AddGroup(Group{Name: "g", Config: asg.Config{Min: 1, Max: 200}, Policies: []Policy{{Name: "p", Namespace: "DeepLearning", Policy: c.policy}}})
					f.SetDesired("g", 15)
					c2 := connect(t, f)
					for n := range 360 {
						time.Sleep(10 * time.Second)
						c2.put("g", "CPUUtilization", c.values[n/each%len(c.values)])
					}
					history, err := c2.groups.DescribeScalingActivities(t.Context(), &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String("g")})
					if err != nil {
						t.Fatal(err)
					}
					acts := map[string][]time.Time{} // of each direction, oldest first
					for _, a := range slices.Backward(history.Activities) {
						if !strings.Contains(*a.Cause, "a monitor alarm") {
							continue
						}
						way, _, _ := strings.Cut(*a.Description, " ")
						if at := acts[way]; len(at) == 0 || !at[len(at)-1].Equal(*a.StartTime) {
							acts[way] = append(at, *a.StartTime)
						}
					}
					if len(acts[c.way]) < 3 {
						t.Errorf("too little happened to tell: %v", acts)
					}
					for way, at := range acts {
						for i := 1; i < len(at); i++ {
							if apart := at[i].Sub(at[i-1]); apart < pause {
								t.Errorf("%s: two actions %v apart", way, apart)
							}
						}
					}
				})
			})
		}
	}
}

// drains is a group with one instance, which drains.
func drains(t *testing.T, told *[]string) (*Fake, clients, string) {
	f := New()
	began := time.Now()
	note := func(what string) { *told = append(*told, fmt.Sprintf("%v %s", time.Since(began), what)) }
	f.AddGroup(Group{
		Name: "g", Config: asg.Config{Max: 1, Terminate: asg.Hook{On: true, Name: "down", Timeout: time.Minute, Default: asg.Continue}},
		EC2: EC2{Stop: 30 * time.Second}, Start: func(string, bool) { note("start") }, Stop: func(string) { note("stop") },
	})
	id := f.Launch("g")
	time.Sleep(10 * time.Second)
	f.SetDesired("g", 0)
	if s := f.State(id); s != asg.TerminatingWait {
		t.Fatal(s)
	}
	return f, connect(t, f), id
}

// TestEndedWhileItDrains: who asks the group to end an instance that drains is refused, and its
// drain has the time that it had; where EC2 ends the machine, the hook waits for nobody until its
// time is over.
func TestEndedWhileItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		f, c, id := drains(t, &told)
		time.Sleep(5 * time.Second)
		end := &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: &id, ShouldDecrementDesiredCapacity: aws.Bool(true)}
		if _, err := c.groups.TerminateInstanceInAutoScalingGroup(t.Context(), end); err == nil || !strings.Contains(err.Error(), "ValidationError") {
			t.Errorf("ended while it drains: %v", err)
		}
		time.Sleep(50 * time.Second)
		if _, err := c.groups.RecordLifecycleActionHeartbeat(t.Context(), &autoscaling.RecordLifecycleActionHeartbeatInput{AutoScalingGroupName: aws.String("g"), LifecycleHookName: aws.String("down"), InstanceId: &id}); err != nil {
			t.Error(err)
		}
		time.Sleep(50 * time.Second)
		if s := f.State(id); s != asg.TerminatingWait || f.Desired("g") != 0 {
			t.Errorf("%s, desired %d", s, f.Desired("g"))
		}
		c.complete(f, "g")
		time.Sleep(31 * time.Second)
		if s, want := f.State(id), "0s start 1m55s stop"; s != asg.Terminated || strings.Join(told, " ") != want {
			t.Errorf("%s, told %v", s, told)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var told []string
		f, c, id := drains(t, &told)
		time.Sleep(5 * time.Second)
		if err := f.Lose(id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		if s := f.State(id); s != asg.TerminatingWait {
			t.Error(s)
		}
		groups, err := c.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{})
		if err != nil || *groups.AutoScalingGroups[0].Instances[0].HealthStatus != "Unhealthy" {
			t.Errorf("%v, %+v", err, groups)
		}
		time.Sleep(36 * time.Second)
		if got, want := strings.Join(told, " "), "0s start 15s stop"; f.State(id) != asg.Terminated || got != want {
			t.Errorf("%s, told %s", f.State(id), got)
		}
		if out, err := c.groups.DescribeAutoScalingInstances(t.Context(), &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{id}}); err != nil || len(out.AutoScalingInstances) != 0 {
			t.Errorf("%v, %+v", err, out)
		}
	})
}

// TestTerminate: an instance that is named goes although it is protected, and none takes its place.
func TestTerminate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New()
		f.AddGroup(Group{Name: "g", Config: asg.Config{Max: 2}})
		c, id := connect(t, f), f.Launch("g")
		if _, err := c.groups.SetInstanceProtection(t.Context(), &autoscaling.SetInstanceProtectionInput{AutoScalingGroupName: aws.String("g"), InstanceIds: []string{id}, ProtectedFromScaleIn: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
		if f.SetDesired("g", 0); f.State(id) != asg.InService {
			t.Fatalf("%s: it is protected", f.State(id))
		}
		f.SetDesired("g", 1)
		out, err := c.groups.TerminateInstanceInAutoScalingGroup(t.Context(), &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: &id, ShouldDecrementDesiredCapacity: aws.Bool(true)})
		if err != nil || !strings.Contains(*out.Activity.Description, "Terminating EC2 instance: "+id) || f.State(id) != asg.Terminated || f.Desired("g") != 0 || len(f.Instances("g")) != 0 {
			t.Errorf("%v, %s, desired %d", err, f.State(id), f.Desired("g"))
		}
	})
}
