package scaleout

import (
	"sync"
	"time"
)

// Step is a moment between the load and the first sound of a new node.
type Step string

// The steps, in the order that they come to pass.
const (
	Metric  Step = "metric"  // a data point over the threshold is to be read
	Alarm   Step = "alarm"   // an alarm is on
	Decided Step = "decided" // the group wants more instances
	Pending Step = "pending" // a new instance is in it
	Waits   Step = "waits"   // EC2 has launched it, and it waits for its hook (Pending:Wait)
	Process Step = "process" // livedub was started on it; known where instances are processes of this machine
	Serving Step = "serving" // a gateway lists its node as serving
	Session Step = "session" // the first session that it holds was made
	Sound   Step = "sound"   // of that session, the first dub sounds
)

// steps are all of them with what ends the phase before, and by whom it was taken.
var steps = []struct {
	step Step
	name string
	by   string
	next string // what to look at where it does not come to pass
}{
	{Metric, "metric over the threshold", "cloudwatch", "no data point over a threshold came: do nodes publish to the alarm's namespace and group (aws.namespace, livedub_aws_samples_total), and is the load enough (--sessions)?"},
	{Alarm, "alarm on", "cloudwatch", "the metric is over the threshold and no alarm went on: look at its periods and data points"},
	{Decided, "size raised", "auto scaling", "an alarm is on and the group does not grow: look at the alarm's actions, the policy's cooldown, and aws autoscaling describe-scaling-activities"},
	{Pending, "instance taken", "auto scaling", "the group grows and has no new instance: look at aws autoscaling describe-scaling-activities"},
	{Waits, "instance launched", "ec2", "the instance is Pending: look at aws autoscaling describe-scaling-activities"},
	{Process, "instance booted", "ec2", "the instance is launched and livedub not started: look at its console output"},
	{Serving, "node serves", "livedub", "the instance waits and its node does not serve: look at its log (journalctl -u livedub), at cluster.url and at the launching hook's timeout"},
	{Session, "first session made", "livedub", "the new node serves and got no session: all found a place elsewhere, so the load never filled the fleet: raise --sessions"},
	{Sound, "first dubbed sound", "livedub", "the session at the new node is not dubbed: look at the node's log, and whether media reach it"},
}

// marks are the moments that were seen. Many may set them.
type marks struct {
	mu sync.Mutex
	at map[Step]time.Time
}

// set notes that a step came to pass; the first time counts.
func (m *marks) set(s Step, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at == nil {
		m.at = map[Step]time.Time{}
	}
	if _, known := m.at[s]; !known {
		m.at[s] = at
	}
}

// get returns when a step came to pass.
func (m *marks) get(s Step) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, known := m.at[s]
	return at, known
}

// last returns the index of the last step that came to pass; -1 for none.
func (m *marks) last() int {
	for i := len(steps) - 1; i >= 0; i-- {
		if _, known := m.get(steps[i].step); known {
			return i
		}
	}
	return -1
}

// phases returns what came to pass since a moment. A step that was seen late, since it is
// looked for only now and then, was no later than the one after it.
func (m *marks) phases(since time.Time) []Phase {
	var all []Phase
	var after time.Time
	for i := len(steps) - 1; i >= 0; i-- {
		at, known := m.get(steps[i].step)
		if !known {
			continue
		}
		if !after.IsZero() && at.After(after) {
			at = after
		}
		after = at
		_, apart := m.get(Process)
		if steps[i].step == Waits && apart { // a machine of this one boots before the group is told that it runs
			continue
		}
		p := Phase{Step: steps[i].step, Name: steps[i].name, By: steps[i].by, AtS: seconds(at.Sub(since)), Real: true}
		if p.Step == Serving && !apart {
			p.Name, p.By = "booted, "+p.Name, "ec2, livedub" // from outside they are one
		}
		all = append([]Phase{p}, all...)
	}
	before := 0.
	for i := range all {
		all[i].AtS = max(all[i].AtS, before)
		all[i].TookS, before = round(all[i].AtS-before), all[i].AtS
	}
	return all
}
