package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// found returns what a pattern's first group finds in a file below deploy/, as a span
// of time where it is one: whole seconds, or minutes with an m or min behind them.
func found(t *testing.T, file, pattern string) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?ms)` + pattern).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s: nothing like %s", file, pattern)
	}
	word := string(m[1])
	unit := time.Second
	if n := strings.TrimRight(word, "min"); n != word {
		word, unit = n, time.Minute
	}
	n, err := strconv.Atoi(strings.TrimSuffix(word, "s"))
	if err != nil {
		t.Fatalf("%s: %s is no span: %v", file, m[1], err)
	}
	return time.Duration(n) * unit
}

// TestSpansFit: what is said in different files about how long things take goes together.
func TestSpansFit(t *testing.T) {
	const nodes = "terraform/modules/gpu_nodes/"
	drain := found(t, "livedub.yaml", `^  drain: (\w+)$`)
	boot := found(t, "packer/files/livedub-boot.service", `^TimeoutStartSec=(\w+)$`)
	start := found(t, "packer/files/node.conf", `^TimeoutStartSec=(\w+)$`)
	hook := map[string]time.Duration{}
	for _, name := range []string{"launch", "drain"} {
		hook[name] = found(t, nodes+"variables.tf", `variable "`+name+`_seconds" \{[^}]*?default +=\s(\d+)$`)
		least := found(t, nodes+"variables.tf", `var\.`+name+`_seconds >= (\d+)`)
		// A heartbeat comes at a third of the timeout, and may fail once or twice.
		if least < 2*time.Minute || hook[name] < least {
			t.Errorf("%s_seconds is %v, at least %v: want 2 min or more", name, hook[name], least)
		}
	}
	// Heartbeats keep an action waiting for a hundred times the timeout, and 48 h at most.
	if longest := min(100*hook["drain"], 48*time.Hour); longest <= drain+time.Minute {
		t.Errorf("a terminating hook waits for %v, and a node drains for %v", longest, drain)
	}
	if stop := found(t, "systemd/livedub.service", `^TimeoutStopSec=(\w+)$`); stop <= drain {
		t.Errorf("systemd kills a node after %v, and it drains for %v", stop, drain)
	}
	if hook["launch"] <= start+boot {
		t.Errorf("a node may take %v to start, and its hook and the health check wait for %v", start+boot, hook["launch"])
	}
	for _, module := range []string{"gateway", "turn"} {
		if grace := found(t, "terraform/modules/"+module+"/main.tf", `health_check_grace_period = (\d+)`); grace <= boot+time.Minute {
			t.Errorf("%s: its health counts after %v, and its start may take %v", module, grace, boot)
		}
	}
	stop := found(t, "systemd/livedub-gateway.service", `^TimeoutStopSec=(\w+)$`)
	if delay := found(t, "terraform/modules/gateway/balancer.tf", `deregistration_delay = (\d+)`); delay < stop {
		t.Errorf("the load balancer lets a gateway finish for %v, which takes %v", delay, stop)
	}
}

// TestUnitsFit: programs run by systemd and not in containers, which is why one hop to
// the metadata service is enough, and keeps containers from the instance's role; a
// node gives its media slot back only after it has drained.
func TestUnitsFit(t *testing.T) {
	units, err := filepath.Glob("../../deploy/*/files/*.service")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../deploy/systemd/*.service")
	if err != nil || len(units) < 3 || len(more) < 2 {
		t.Fatalf("units %q and %q: %v", units, more, err)
	}
	for _, path := range append(units, more...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^Exec\w+=.*\b(docker|podman|nerdctl)\b`).Match(text) {
			t.Errorf("%s runs a container: it reaches the metadata service with http_put_response_hop_limit = 2 alone", path)
		}
		if filepath.Base(path) == "livedub-boot.service" && !regexp.MustCompile(`(?m)^Before=.*\blivedub\.service\b`).Match(text) {
			t.Errorf("%s is not before livedub.service, and so stops, and leaves the media slot, before it", path)
		}
	}
	modules, err := filepath.Glob("../../deploy/terraform/modules/*/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	limits := 0
	for _, path := range modules {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(path, "/gpu_nodes/") && regexp.MustCompile(`(?m)^\s*target_group_arns\s*=|"aws_autoscaling_attachment"`).Match(text) {
			t.Errorf("%s attaches the group to target groups: AWS would cut a node's media off as soon as it is to drain", path)
		}
		for _, m := range regexp.MustCompile(`http_put_response_hop_limit += (\d+)`).FindAllSubmatch(text, -1) {
			if limits++; string(m[1]) != "1" {
				t.Errorf("%s: %s", path, m[0])
			}
		}
	}
	if limits != 4 {
		t.Errorf("%d instances say how far their metadata goes, want 4", limits)
	}
}
