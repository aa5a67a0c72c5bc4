package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/internal/config"
	"livedub/internal/registry"
	"livedub/internal/telemetry"
	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/redistest"
)

// onInstance has the gateways of a test run on an instance of the fake.
func onInstance(t *testing.T, at awsfake.Instance) {
	t.Helper()
	imds, groups, metrics := at.Listen(awsfake.IMDS), at.Listen(awsfake.AutoScaling), at.Listen(awsfake.CloudWatch)
	t.Cleanup(imds.Close)
	t.Cleanup(groups.Close)
	t.Cleanup(metrics.Close)
	for _, e := range awsfake.Environment(imds, groups, metrics) {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

// starts runs a gateway and returns the address of its operator's side.
func starts(t *testing.T, redis string, args ...string) (admin string) {
	t.Helper()
	admin = groundtest.FreeAddr(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, append([]string{"--listen", "127.0.0.1:0", "--admin-listen", admin, "--cluster-url", "redis://" + redis, "--cluster-secret", secret}, args...), w, io.Discard)
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return admin
}

// TestNodeDeaths: of two gateways of a cluster on Redis one publishes that a node has died,
// and tells in its metrics when AWS does not take that.
func TestNodeDeaths(t *testing.T) {
	f := awsfake.New()
	onInstance(t, awsfake.Instance{Fake: f, ID: "i-gateway"})
	r := redistest.Start(t)
	c := config.Default()
	c.Cluster.URL = "redis://" + r.Addr
	log, err := telemetry.NewLogger(io.Discard, "error", "text")
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registry.Open(t.Context(), c.Cluster, log)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	both := []string{starts(t, r.Addr, "--aws-group", "nodes"), starts(t, r.Addr, "--aws-group", "nodes", "--aws-enabled", "on")}
	beat := func(id string) {
		t.Helper()
		if _, err := reg.Beat(t.Context(), cluster.Node{ID: id, Boot: id + "-1", Addr: "http://127.0.0.1:1", State: cluster.Serving, Capacity: 1}); err != nil {
			t.Fatal(err)
		}
	}
	published := func() (sum float64) {
		for _, d := range f.Data() {
			sum += d.Value
			if d.Name != "NodeDeaths" || d.Dimensions["AutoScalingGroupName"] != "nodes" || d.Namespace != "DeepLearning" {
				t.Errorf("%+v", d)
			}
		}
		return sum
	}
	beat("a")
	for until := time.Now().Add(90 * time.Second); published() == 0 && time.Now().Before(until); {
		time.Sleep(200 * time.Millisecond)
	}
	f.Fail(awsfake.CloudWatch, awsfake.Throttle, -1)
	beat("b")
	// Either of them finds it.
	failed := regexp.MustCompile(`livedub_aws_samples_total\{state="published"\} \d[\s\S]*livedub_aws_samples_waiting 1`)
	counted := regexp.MustCompile(`livedub_aws_failures_total\{why="throttled"\} [1-9]`)
	told := false
	for until := time.Now().Add(90 * time.Second); !told && time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
		for _, admin := range both {
			resp, err := http.Get("http://" + admin + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			told = told || failed.Match(body) && counted.Match(body)
		}
	}
	if sum := published(); sum != 1 || !told {
		t.Errorf("%v deaths published, want the first; told of the second that waits: %v", sum, told)
	}
}

// TestNoDeaths: where a gateway is no instance of EC2 it starts all the same, unless it must be.
func TestNoDeaths(t *testing.T) {
	nowhere, end, err := awsfake.Nowhere()
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	onInstance(t, awsfake.Instance{Fake: awsfake.New()})
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", nowhere)
	r := redistest.Start(t)
	admin := starts(t, r.Addr, "--aws-group", "nodes")
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); bytes.Contains(body, []byte("livedub_aws")) {
		t.Error("it tells of AWS")
	}
	for _, c := range []struct{ group, says string }{{"", "aws.group is missing"}, {"nodes", "or set it to off"}} {
		began := time.Now()
		err := run(t.Context(), []string{"--listen", "127.0.0.1:0", "--cluster-url", "redis://" + r.Addr, "--cluster-secret", secret, "--aws-enabled", "on", "--aws-group", c.group}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.says) || time.Since(began) > 15*time.Second {
			t.Errorf("group %q: %v after %v", c.group, err, time.Since(began))
		}
	}
}
