package awsfake

import (
	"fmt"
	"time"

	"livedub/internal/testkit/asg"
)

// activity is what a group did with one instance, under AWS's names of how it stands.
type activity struct {
	id, instance         string
	start, end           time.Time // end is zero until it has ended
	status               string
	description, because string
}

// note keeps what a change begins, and what it ends.
func (f *Fake) note(g *group, c asg.Change) {
	var now *activity
	for _, a := range g.activities {
		if a.instance == c.Instance && a.end.IsZero() {
			now = a
		}
	}
	end := func(status string) {
		if now != nil {
			now.end, now.status = c.At, status
		}
	}
	begin := func(what, effect string) {
		end("Cancelled")
		f.made++
		g.activities = append(g.activities, &activity{
			id: fmt.Sprintf("00000000-0000-4000-8000-%012d", f.made), instance: c.Instance, start: c.At, status: "InProgress",
			description: what + c.Instance, because: fmt.Sprintf("%s. At %s %s.", g.because, c.At.UTC().Format(time.RFC3339), effect),
		})
	}
	switch {
	case c.On == asg.ScaleOut && c.From == asg.New:
		begin("Launching a new EC2 instance: ", "an instance was started in response to a difference between desired and actual capacity")
	case c.On == asg.ScaleOut:
		begin("Launching a new EC2 instance from warm pool: ", "an instance was started from the warm pool in response to a difference between desired and actual capacity")
	case c.On == asg.FillPool:
		begin("Launching a new EC2 instance into warm pool: ", "an instance was launched into the warm pool")
	case c.On == asg.Reuse:
		begin("Moving EC2 instance to warm pool: ", "instance "+c.Instance+" was selected for scale-in, and goes back to the warm pool")
	case c.On == asg.Resting:
		begin("Moving EC2 instance to Standby: ", "instance "+c.Instance+" was moved to standby")
	case c.On == asg.Return:
		begin("Moving EC2 instance out of Standby: ", "instance "+c.Instance+" was moved out of standby")
	case c.To == asg.Terminating, c.To == asg.WarmedTerminating:
		if c.On == asg.Abandon {
			end("Failed")
		}
		begin("Terminating EC2 instance: ", "instance "+c.Instance+" was selected for termination")
	case c.To.Waits() && now != nil:
		now.status = "MidLifecycleAction"
	case c.To == asg.InService, c.To == asg.Standby, c.To.Spare(), c.To.Ended():
		end("Successful")
	case now != nil:
		now.status = "InProgress"
	}
}
