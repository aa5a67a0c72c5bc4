package awsfake

// State is the lifecycle state of an instance, as AWS names it.
type State string

// What instances of a group go through.
const (
	Pending            State = "Pending"
	PendingWait        State = "Pending:Wait"
	PendingProceed     State = "Pending:Proceed"
	InService          State = "InService"
	Terminating        State = "Terminating"
	TerminatingWait    State = "Terminating:Wait"
	TerminatingProceed State = "Terminating:Proceed"
	Terminated         State = "Terminated"
	WarmedPending      State = "Warmed:Pending"
	WarmedPendingWait  State = "Warmed:Pending:Wait"
	WarmedProceed      State = "Warmed:Pending:Proceed"
	WarmedStopped      State = "Warmed:Stopped"
	WarmedRunning      State = "Warmed:Running"
	Standby            State = "Standby"
)

// Event is what takes an instance from one state to the next.
type Event string

// Events, by themselves or by somebody's request.
const (
	Launch    Event = "launch"     // the group needs an instance
	Fill      Event = "fill"       // the warm pool does
	HookWaits Event = "hook"       // by itself: the group has a hook for the transition
	NoHook    Event = "no hook"    // by itself
	Continue  Event = "continue"   // the hook's action is completed, or times out so
	Abandon   Event = "abandon"    // likewise
	Proceed   Event = "proceed"    // by itself
	Pooled    Event = "pooled"     // by itself: the warm pool keeps it stopped
	PooledRun Event = "pooled run" // by itself: the warm pool keeps it running
	ScaleOut  Event = "scale out"  // it is taken from the warm pool
	ScaleIn   Event = "scale in"
	Reuse     Event = "reuse"   // it is taken back to the warm pool
	StandBy   Event = "standby" // somebody takes it out of service, to look at it
	Return    Event = "return"  // and puts it back
)

const (
	pageLife    = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html"
	pageHooks   = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html"
	pagePool    = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html"
	pageStandby = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-enter-exit-standby.html"
	pageReuse   = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-scale-in-policy.html"
)

// Transition is a row of the table: an event takes an instance from one state to another.
type Transition struct {
	From  State
	Event Event
	To    State
	Page  string // of AWS, that it is from
}

// Transitions are all that an instance of this fake can go through.
var Transitions = []Transition{
	{"", Launch, Pending, pageLife},
	{Pending, HookWaits, PendingWait, pageHooks},
	{Pending, NoHook, InService, pageLife},
	{PendingWait, Continue, PendingProceed, pageHooks},
	{PendingWait, Abandon, Terminating, pageHooks},
	{PendingProceed, Proceed, InService, pageHooks},

	{InService, ScaleIn, Terminating, pageLife},
	{Terminating, HookWaits, TerminatingWait, pageHooks},
	{Terminating, NoHook, Terminated, pageLife},
	{TerminatingWait, Continue, TerminatingProceed, pageHooks},
	{TerminatingWait, Abandon, TerminatingProceed, pageHooks},
	{TerminatingProceed, Proceed, Terminated, pageHooks},

	{"", Fill, WarmedPending, pagePool},
	{WarmedPending, HookWaits, WarmedPendingWait, pagePool},
	{WarmedPending, Pooled, WarmedStopped, pagePool},
	{WarmedPending, PooledRun, WarmedRunning, pagePool},
	{WarmedPendingWait, Continue, WarmedProceed, pagePool},
	{WarmedPendingWait, Abandon, Terminating, pagePool},
	{WarmedProceed, Pooled, WarmedStopped, pagePool},
	{WarmedProceed, PooledRun, WarmedRunning, pagePool},
	{WarmedStopped, ScaleOut, Pending, pagePool},
	{WarmedRunning, ScaleOut, Pending, pagePool},
	{InService, Reuse, WarmedPending, pageReuse},
	{InService, StandBy, Standby, pageStandby},
	{Standby, Return, Pending, pageStandby},
}

// next returns where an event takes a state; "" for nowhere.
func next(from State, e Event) State {
	for _, t := range Transitions {
		if t.From == from && t.Event == e {
			return t.To
		}
	}
	return ""
}
