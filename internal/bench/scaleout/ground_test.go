package scaleout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"go.uber.org/goleak"

	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	siteBoot   = 40 * time.Second // cold
	siteThaw   = 10 * time.Second
	siteReady  = 5 * time.Second // from a node's start until it serves
	sitePlaces = 3
	siteSounds = 3 * time.Second // from a session to its first dub
)

// site is a cluster without processes, in the group of a fake: gateway, nodes and callers at once.
type site struct {
	fake *awsfake.Fake

	mu        sync.Mutex
	namespace string // that nodes publish to
	key       string // for good; "": the one that is good now
	broken    bool   // new nodes do not get ready
	nodes     []*Node
	load      LoadState
	told      []string

	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup
}

// newSite makes one in whose group one node serves, and for change of the group.
func newSite(t *testing.T, change func(*awsfake.Group)) *site {
	t.Helper()
	s := &site{fake: awsfake.New(), namespace: "DeepLearning"}
	s.ctx, s.stop = context.WithCancel(t.Context())
	g := awsfake.Group{
		Name: "g", EC2: awsfake.EC2{Cold: siteBoot, Warm: siteThaw, Stop: time.Second}, Delay: 5 * time.Second, Start: func(id string, _ bool) { s.all.Go(func() { s.node(id) }) },
		Config:   asg.Config{Min: 1, Max: 2, Launch: asg.Hook{On: true, Name: "ready", Timeout: time.Minute, Default: asg.Abandon}},
		Policies: []awsfake.Policy{{Name: "used", Namespace: "DeepLearning", Policy: asg.Tracking("UsedCapacity", .56*sitePlaces, 10*time.Second, 20*time.Second)}},
	}
	if change != nil {
		change(&g)
	}
	s.fake.AddGroup(g)
	s.all.Go(func() { s.fake.Run(s.ctx) })
	s.all.Go(s.publish)
	t.Cleanup(func() {
		s.stop()
		s.all.Wait()
	})
	time.Sleep(siteBoot + 3*time.Minute)
	return s
}

// node is the life of an instance's process.
func (s *site) node(id string) {
	if !sleep(s.ctx, siteReady) {
		return
	}
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken {
		return
	}
	if !s.fake.State(id).Warmed() {
		s.mu.Lock()
		s.nodes = append(s.nodes, &Node{ID: id, State: serving, Capacity: usual * sitePlaces})
		s.mu.Unlock()
	}
	_ = s.fake.Complete(id, asg.Continue) // it may be late
}

// publish tells CloudWatch what nodes do.
func (s *site) publish() {
	client := cloudwatch.NewFromConfig(s.config())
	for sleep(s.ctx, 10*time.Second) {
		s.mu.Lock()
		namespace := s.namespace
		s.mu.Unlock()
		for _, n := range s.list() {
			_, _ = client.PutMetricData(s.ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: []types.MetricDatum{{ // one that is lost is missing
				MetricName: sdk.String("UsedCapacity"), Value: sdk.Float64(n.Used), Timestamp: sdk.Time(time.Now()), StorageResolution: sdk.Int32(1),
				Dimensions: []types.Dimension{{Name: sdk.String("AutoScalingGroupName"), Value: sdk.String("g")}},
			}}})
		}
	}
}

func (s *site) config() sdk.Config {
	return sdk.Config{Region: awsfake.Region, HTTPClient: awsfake.Instance{Fake: s.fake}, Retryer: once,
		Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return sdk.Credentials{AccessKeyID: cmp.Or(s.key, s.fake.Key()), SecretAccessKey: "fake", SessionToken: "fake"}, nil
		})}
}

func (s *site) list() []Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Node
	for _, n := range s.nodes {
		c := *n
		c.Holds = slices.Clone(n.Holds)
		all = append(all, c)
	}
	return all
}

// Nodes is the gateway's.
func (s *site) Nodes(context.Context) ([]Node, error) { return s.list(), nil }

// State is the load's.
func (s *site) State() LoadState {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.load
	c.Sessions = slices.Clone(s.load.Sessions)
	return c
}

// Run is the load's.
func (s *site) Run(ctx context.Context, sessions int) error {
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			id, tries := fmt.Sprintf("s%d", i), 0
			for !s.place(id, tries) {
				tries++
				if !sleep(ctx, 2*time.Second) {
					return
				}
			}
			<-ctx.Done()
		})
	}
	all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		n.Used, n.Sessions, n.Holds = 0, 0, nil
	}
	return nil
}

// place makes a session where there is room.
func (s *site) place(id string, tries int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		if n.Sessions < sitePlaces {
			n.Used++
			n.Sessions++
			n.Holds = append(n.Holds, id)
			s.load.Sessions = append(s.load.Sessions, SessionState{ID: id, Made: time.Now(), Tries: tries, Sounded: time.Now().Add(siteSounds)})
			return true
		}
	}
	if s.load.Refused++; s.load.FirstRefused.IsZero() {
		s.load.FirstRefused = time.Now()
	}
	return false
}

// set changes what the site's own goroutines read.
func (s *site) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *site) tell(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what)
}

func (s *site) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.told, "\n")
}

// measure measures at a site.
func (s *site) measure(ctx context.Context, change func(*Config)) (Report, error) {
	cfg := s.config()
	cfg.Credentials = sdk.NewCredentialsCache(cfg.Credentials) // as the SDK's own
	c := Config{Cloud: newCloud(cfg), Gateway: s, Load: s, Group: "g", Every: 2 * time.Second, For: 5 * time.Minute, Progress: s.tell}
	if change != nil {
		change(&c)
	}
	p, err := Prepare(ctx, c)
	if err != nil {
		return Report{}, err
	}
	return Measure(ctx, c, p, &Marks{})
}
