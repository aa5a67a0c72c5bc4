// Package asg is an Auto Scaling group as a state machine: the life of instances, the warm pool,
// lifecycle hooks, CloudWatch alarms and scaling policies. It has no clock and does nothing by
// itself: callers say what happened and when, and get back what changed.
package asg

import (
	"fmt"
	"strings"
)

// State is where an instance stands, under the name that AWS gives it.
type State string

// The states of an instance. New is before it has any.
const (
	New                State = ""
	Pending            State = "Pending"
	PendingWait        State = "Pending:Wait"
	PendingProceed     State = "Pending:Proceed"
	InService          State = "InService"
	Terminating        State = "Terminating"
	TerminatingWait    State = "Terminating:Wait"
	TerminatingProceed State = "Terminating:Proceed"
	Terminated         State = "Terminated"
	EnteringStandby    State = "EnteringStandby"
	Standby            State = "Standby"

	WarmedPending            State = "Warmed:Pending"
	WarmedPendingWait        State = "Warmed:Pending:Wait"
	WarmedPendingProceed     State = "Warmed:Pending:Proceed"
	WarmedStopped            State = "Warmed:Stopped"
	WarmedRunning            State = "Warmed:Running"
	WarmedTerminating        State = "Warmed:Terminating"
	WarmedTerminatingWait    State = "Warmed:Terminating:Wait"
	WarmedTerminatingProceed State = "Warmed:Terminating:Proceed"
	WarmedTerminated         State = "Warmed:Terminated"
)

// Event is what happens to an instance.
type Event string

// The events. Those of the group follow from its sizes, those of EC2 say that an instance runs,
// stands still or is gone, those of hooks come from the instance or from a hook's time.
const (
	ScaleOut Event = "scale out"            // the group wants one more
	FillPool Event = "fill the warm pool"   // the warm pool wants one more
	ScaleIn  Event = "scale in"             // the group wants one less
	Reuse    Event = "scale in, reused"     // the same, and the warm pool takes it
	Shrink   Event = "shrink the warm pool" // the warm pool wants one less
	Hooked   Event = "hook"                 // there is a hook: wait for it
	NoHook   Event = "no hook"              // there is none: go on
	Continue Event = "complete: continue"
	Abandon  Event = "complete: abandon"
	Attached Event = "attached"
	Stopped  Event = "stopped"
	Kept     Event = "kept running" // the warm pool does not stop its instances
	Gone     Event = "gone"
	Ended    Event = "terminate"     // somebody asks the group to end this one, protected or not
	Lost     Event = "lost"          // EC2 ended it, and nobody asked the group
	Resting  Event = "enter standby" // somebody takes it out of service to look at it
	Rests    Event = "in standby"
	Return   Event = "exit standby"
)

// Row is one line of the table of transitions.
type Row struct {
	From State
	On   Event
	To   State
	Page string // of the AWS documentation, below docs.aws.amazon.com
}

// Pages that rows are from.
const (
	pageLife  = "autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html"
	pageHooks = "autoscaling/ec2/userguide/lifecycle-hooks-overview.html"
	pageDone  = "autoscaling/ec2/userguide/completing-lifecycle-hooks.html"
	pageWarm  = "autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html"
	pagePools = "autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html"
	pageBack  = "autoscaling/ec2/userguide/warm-pools-eventbridge-events.html"
	pageRest  = "autoscaling/ec2/userguide/as-enter-exit-standby.html"
	pageSick  = "autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html"
	pageSpot  = "autoscaling/ec2/userguide/lifecycle-hooks.html" // its considerations
	pageEnd   = "autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html"
)

// Table is every transition there is.
var Table = []Row{
	{New, ScaleOut, Pending, pageLife},
	{Pending, Hooked, PendingWait, pageHooks},
	{Pending, NoHook, PendingProceed, pageLife},
	{PendingWait, Continue, PendingProceed, pageHooks},
	{PendingWait, Abandon, Terminating, pageDone}, // terminated, and another takes its place
	{PendingProceed, Attached, InService, pageLife},

	{InService, ScaleIn, Terminating, pageLife},
	{Terminating, Hooked, TerminatingWait, pageHooks},
	{Terminating, NoHook, TerminatingProceed, pageLife},
	{TerminatingWait, Continue, TerminatingProceed, pageHooks},
	{TerminatingWait, Abandon, TerminatingProceed, pageDone}, // both end it
	{TerminatingProceed, Gone, Terminated, pageLife},

	{PendingWait, Ended, Terminating, pageEnd},
	{InService, Ended, Terminating, pageEnd},
	{Standby, Ended, Terminating, pageEnd},
	{PendingWait, Lost, PendingWait, pageSick}, // health counts from InService on
	{InService, Lost, Terminating, pageSick},
	{TerminatingWait, Lost, TerminatingWait, pageSpot}, // a hook keeps no machine, and waits for its time to be over
	{WarmedPendingWait, Lost, WarmedPendingWait, pageSpot},

	{InService, Resting, EnteringStandby, pageRest},
	{EnteringStandby, Rests, Standby, pageRest},
	{Standby, Return, Pending, pageRest}, // no hook waits for it: pageSpot

	{New, FillPool, WarmedPending, pageWarm},
	{WarmedPending, Hooked, WarmedPendingWait, pageWarm},
	{WarmedPending, NoHook, WarmedPendingProceed, pageWarm},
	{WarmedPendingWait, Continue, WarmedPendingProceed, pageWarm},
	{WarmedPendingWait, Abandon, WarmedTerminating, pageDone},
	{WarmedPendingProceed, Stopped, WarmedStopped, pageWarm},
	{WarmedPendingProceed, Kept, WarmedRunning, pageWarm},
	{WarmedStopped, ScaleOut, Pending, pagePools},
	{WarmedRunning, ScaleOut, Pending, pagePools},

	{InService, Reuse, WarmedPending, pageBack}, // the terminating hook waits at Warmed:Pending:Wait
	{WarmedStopped, Shrink, WarmedTerminating, pageWarm},
	{WarmedRunning, Shrink, WarmedTerminating, pageWarm},
	{WarmedTerminating, Hooked, WarmedTerminatingWait, pageWarm},
	{WarmedTerminating, NoHook, WarmedTerminatingProceed, pageWarm},
	{WarmedTerminatingWait, Continue, WarmedTerminatingProceed, pageWarm},
	{WarmedTerminatingWait, Abandon, WarmedTerminatingProceed, pageDone},
	{WarmedTerminatingProceed, Gone, WarmedTerminated, pageWarm},
}

// ErrTransition is an event that an instance in its state cannot have.
type ErrTransition struct {
	Instance string
	From     State
	On       Event
}

func (e ErrTransition) Error() string {
	return fmt.Sprintf("instance %q is %q, where %q cannot happen: look at its state first", e.Instance, e.From, e.On)
}

var next = func() map[State]map[Event]State {
	m := map[State]map[Event]State{}
	for _, r := range Table {
		if m[r.From] == nil {
			m[r.From] = map[Event]State{}
		}
		m[r.From][r.On] = r.To
	}
	return m
}()

// Next tells where on leads from s, if it can happen there.
func Next(s State, on Event) (State, bool) {
	to, ok := next[s][on]
	return to, ok
}

// InGroup tells whether an instance in s counts for the group's size.
func (s State) InGroup() bool {
	switch s {
	case Pending, PendingWait, PendingProceed, InService:
		return true
	}
	return false
}

// InPool tells whether an instance in s counts for the warm pool's size.
func (s State) InPool() bool {
	switch s {
	case WarmedPending, WarmedPendingWait, WarmedPendingProceed, WarmedStopped, WarmedRunning:
		return true
	}
	return false
}

// Warmed tells whether an instance in s belongs to the warm pool, also on its way out of it.
func (s State) Warmed() bool { return strings.HasPrefix(string(s), "Warmed:") }

// Spare tells whether an instance in s is there for the group to take.
func (s State) Spare() bool { return s == WarmedStopped || s == WarmedRunning }

// Target returns what the instance metadata says that an instance in s is on its way to
// (autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html); running is how
// the warm pool keeps its own.
func (s State) Target(running bool) State {
	switch s {
	case EnteringStandby, Standby:
		return Standby
	case Terminating, TerminatingWait, TerminatingProceed, Terminated:
		return Terminated
	case WarmedTerminating, WarmedTerminatingWait, WarmedTerminatingProceed, WarmedTerminated:
		return WarmedTerminated
	case WarmedStopped, WarmedRunning:
		return s
	case WarmedPending, WarmedPendingWait, WarmedPendingProceed:
		if running {
			return WarmedRunning
		}
		return WarmedStopped
	}
	return InService
}

// Ended tells whether s is the last.
func (s State) Ended() bool { return s == Terminated || s == WarmedTerminated }

// Waits tells whether a hook is waited for in s.
func (s State) Waits() bool {
	switch s {
	case PendingWait, TerminatingWait, WarmedPendingWait, WarmedTerminatingWait:
		return true
	}
	return false
}

// Running tells whether an instance in s is paid for by the hour: all that run,
// from the launch on.
func (s State) Running() bool { return s != New && s != WarmedStopped && !s.Ended() }
