package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/cluster/aws"
	"livedub/internal/config"
	"livedub/internal/gpu"
	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

// onInstance has the servers of a test run on an instance of the fake.
func onInstance(t *testing.T, at awsfake.Instance) {
	t.Helper()
	var servers []*httptest.Server
	for _, s := range []awsfake.Service{awsfake.IMDS, awsfake.AutoScaling, awsfake.CloudWatch} {
		server := at.Listen(s)
		t.Cleanup(server.Close)
		servers = append(servers, server)
	}
	for _, e := range awsfake.Environment(servers[0], servers[1], servers[2]) {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

// awaits waits until an instance is in a state.
func awaits(t *testing.T, at awsfake.Instance, want asg.State) {
	t.Helper()
	for until := time.Now().Add(time.Minute); at.State(at.ID) != want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("not in state %s: %v", want, at.History(at.ID))
		}
	}
}

// TestServeInAGroup: a server's life as an instance: the warm pool, where it takes nothing;
// service; and the end, when the group takes it.
func TestServeInAGroup(t *testing.T) {
	f := awsfake.New()
	hook := func(name string) asg.Hook {
		return asg.Hook{On: true, Name: name, Timeout: 2 * time.Minute, Default: asg.Abandon}
	}
	f.AddGroup(awsfake.Group{Name: "g", Config: asg.Config{Max: 1, Prepared: 1, Running: true, Launch: hook("up"), Terminate: hook("down")}})
	at := awsfake.Instance{Fake: f, ID: f.Instances("g")[0].ID}
	onInstance(t, at)
	stdout, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--log-level", "error", "--media-port", "0", "--aws-enabled", "on",
			"--recognize-engine", "fake", "--translate-engine", "fake", "--speak-engine", "fake"}, w, io.Discard)
		w.Close()
	}()
	var said bytes.Buffer
	var mu sync.Mutex
	read := make(chan struct{})
	go func() {
		defer close(read)
		part := make([]byte, 100)
		for {
			n, err := stdout.Read(part)
			mu.Lock()
			said.Write(part[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	serves := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(said.String(), "livedub serves")
	}
	awaits(t, at, asg.WarmedRunning)
	if serves() {
		t.Error("it serves in the warm pool")
	}
	f.SetDesired("g", 1)
	awaits(t, at, asg.InService)
	if !serves() {
		t.Error("in service before it serves")
	}
	f.SetDesired("g", 0)
	awaits(t, at, asg.Terminated)
	select {
	case c := <-code:
		if c != 0 {
			t.Errorf("exit code %d", c)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on although its instance is gone")
	}
	<-read
}

func TestAWSMustBe(t *testing.T) {
	var said bytes.Buffer
	if c := run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--media-port", "0", "--aws-enabled", "on",
		"--recognize-engine", "fake", "--translate-engine", "fake", "--speak-engine", "fake"}, io.Discard, &said); c != 1 || !strings.Contains(said.String(), "aws.enabled: ") {
		t.Errorf("code %d: %s", c, said.String())
	}
}

// TestAWSElsewhere: by default a machine elsewhere hears nothing of AWS.
func TestAWSElsewhere(t *testing.T) {
	var said bytes.Buffer
	c := config.Default()
	c.Cluster.URL = "redis://nowhere"
	f := findFleet(t.Context(), c, func() {}, slog.New(slog.NewTextHandler(&said, nil)))
	began := time.Now()
	if !f.known(t.Context()) || time.Since(began) > 3*time.Second {
		t.Errorf("not known after %v", time.Since(began))
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(awsMetrics{f})
	if families, err := registry.Gather(); err != nil || len(families) > 0 {
		t.Errorf("%v, %v", families, err)
	}
	f.Close()
	if said.Len() > 0 {
		t.Error(said.String())
	}
}

func TestAWSMetrics(t *testing.T) {
	f := awsfake.New()
	f.AddGroup(awsfake.Group{Name: "g", Config: asg.Config{Max: 1}})
	onInstance(t, awsfake.Instance{Fake: f, ID: f.Launch("g")})
	agent, err := aws.Open(t.Context(), aws.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	found := make(chan struct{})
	close(found)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(awsMetrics{&fleet{found: found, agent: agent}})
	families, err := registry.Gather()
	if err != nil || len(families) != 5 {
		t.Errorf("%d families, %v", len(families), err)
	}
}

func TestGPULoad(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	if busy, memory := gpuLoad(gpu.Report{}); busy != nil || memory != nil {
		t.Error("without a GPU there is a load")
	}
	busy, memory := gpuLoad(gpu.Report{Devices: []gpu.Device{
		{Busy: v(.2), MemoryUsed: v(12e9), MemoryTotal: v(16e9)}, {Busy: v(.9), MemoryUsed: v(1e9), MemoryTotal: v(16e9)}, {Error: "lost"},
	}})
	if *busy != 90 || *memory != 75 {
		t.Errorf("%v, %v", *busy, *memory)
	}
}

// TestTaken: it is what policies compare with their target, whatever a node can carry.
func TestTaken(t *testing.T) {
	for _, c := range []struct{ used, all, want float64 }{{0, 6.1, 0}, {3, 6, 50}, {5, 5, 100}, {1, 1, 100}, {0, 0, 100}, {7, 5, 100}} {
		if got := taken(c.used, c.all); got != c.want {
			t.Errorf("%g of %g: %g %%, want %g", c.used, c.all, got, c.want)
		}
	}
}
