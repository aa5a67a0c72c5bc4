package awsfake_test

import (
	"context"
	"fmt"
	"time"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// A live group: it launches what its size wants and tells who runs the machines. A process that
// runs as an instance gets the environment of three servers of that instance.
func Example() {
	f := awsfake.New()
	started := make(chan string, 1)
	f.AddGroup(awsfake.Group{
		Name: "dub-nodes",
		Config: asg.Config{
			Min: 1, Max: 5,
			Launch: asg.Hook{On: true, Name: "up", Timeout: time.Minute, Default: asg.Abandon},
		},
		EC2: awsfake.EC2{Cold: 200 * time.Millisecond, Warm: 100 * time.Millisecond, Stop: 100 * time.Millisecond},
		Policies: []awsfake.Policy{{
			Name: "used-capacity", Namespace: "DeepLearning",
			Policy: asg.Tracking("UsedCapacity", 56, 10*time.Second, 20*time.Second),
		}},
		Start: func(id string, warm bool) { started <- id },
		Stop:  func(id string) {}, // end its process
	})
	ctx, end := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); f.Run(ctx) }()
	defer func() { end(); <-ran }()

	at := awsfake.Instance{Fake: f, ID: <-started}
	imds, groups, metrics := at.Listen(awsfake.IMDS), at.Listen(awsfake.AutoScaling), at.Listen(awsfake.CloudWatch)
	defer imds.Close()
	defer groups.Close()
	defer metrics.Close()
	_ = awsfake.Environment(imds, groups, metrics) // of the process
	fmt.Println(f.State(at.ID))
	// Output: Pending:Wait
}
