package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/bench/scaleout"
	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/redisproc"
)

// verified is a report by the names of the contract.
type verified struct {
	Start  string `json:"start"`
	Node   string `json:"node"`
	Phases []struct {
		Step  string  `json:"step"`
		AtS   float64 `json:"at_s"`
		TookS float64 `json:"took_s"`
		By    string  `json:"by"`
	} `json:"phases"`
	SessionS float64 `json:"to_first_session_s"`
	SoundS   float64 `json:"to_first_sound_s"`
	Refused  int     `json:"refused_tries"`
	Group    struct {
		Account string `json:"account"`
		Region  string `json:"region"`
	} `json:"group"`
}

// TestVerifyScaleout: the command measures the group of a fake whose instances are real
// nodes, by AWS's protocols and the gateway alone.
func TestVerifyScaleout(t *testing.T) {
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "livedub/cmd/livedub-bench")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ground, err := scaleout.StartGround(t.Context(), scaleout.GroundConfig{
		Bin: bin, Places: 2, Cold: 2 * time.Second, Thaw: time.Second, Stop: time.Second, Warm: true, Idle: 1, Progress: func(what string) { t.Log(what) },
	}, t.TempDir())
	if errors.Is(err, redisproc.ErrMissing) {
		groundtest.Need(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := ground.Close(); err != nil {
			t.Error(err)
		}
	}()
	operator := awsfake.Instance{Fake: ground.Fake}
	imds, groups, watch := operator.Listen(awsfake.IMDS), operator.Listen(awsfake.AutoScaling), operator.Listen(awsfake.CloudWatch)
	defer imds.Close()
	defer groups.Close()
	defer watch.Close()
	env := append(os.Environ(), awsfake.Environment(imds, groups, watch)...)
	env = append(env, "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_PROFILE=", "AWS_REGION=",
		"AWS_ACCESS_KEY_ID="+ground.Fake.Key(), "AWS_SECRET_ACCESS_KEY=fake", "AWS_SESSION_TOKEN=fake")
	verify := func(args ...string) (code int, stdout, stderr string) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "livedub"), append([]string{"verify-scaleout"}, args...)...)
		var out, said bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, io.MultiWriter(&said, allLogs.of(t, args, env))
		_ = cmd.Run() // the exit code tells
		return cmd.ProcessState.ExitCode(), out.String(), said.String()
	}
	material := filepath.Join(t.TempDir(), "tones")
	tones, err := caller.Tones(640, 360)
	if err != nil {
		t.Fatal(err)
	}
	if err := tones.Keep(caller.Making{Width: 640, Height: 360, Keep: material}); err != nil {
		t.Fatal(err)
	}
	if err := ground.Rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	group := []string{"--group", scaleout.GroupName, "--gateway", ground.Base}
	in := slices.Concat(group, []string{"--region", awsfake.Region})
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "--group is missing"},
		{group, 1, "no AWS region"},
		{slices.Concat(in, []string{"--group", "other"}), 1, `no Auto Scaling group "other"`},
		{slices.Concat(in, []string{"--gateway", "http://127.0.0.1:1"}), 1, "is --gateway right?"},
		{in, 1, "add --yes"},
		{slices.Concat(in, []string{"--for", "2s", "--yes", "--keep", material, "--sessions", "1"}), 1, "after 2s: "},
	} {
		if code, stdout, stderr := verify(c.args...); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: code %d: %s%s", c.args, code, stdout, stderr)
		}
	}
	if n := ground.Fake.Desired(scaleout.GroupName); n != 1 {
		t.Fatalf("the group wants %d instances before there was load", n)
	}
	code, stdout, stderr := verify(append(in, "--yes", "--json", "--keep", material, "--for", "3m", "--consent=false")...)
	var r verified
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != 0 {
		t.Fatalf("code %d, %v: %s%s; nodes: %s", code, err, stdout, stderr, ground.Printed())
	}
	before := 0.
	for _, p := range r.Phases {
		if p.AtS < before || p.By == "" {
			t.Errorf("%+v after %v", p, before)
		}
		before = p.AtS
	}
	if r.Start != "warm" || len(r.Phases) < 6 || r.Node == "" || r.SessionS <= 0 || r.SoundS <= r.SessionS || r.Refused == 0 || r.Group.Account != awsfake.Account || r.Group.Region != awsfake.Region {
		t.Errorf("%s", stdout)
	}
	nodes, err := scaleout.Front{Base: ground.Base, HTTP: imds.Client()}.Nodes(t.Context())
	if err != nil || len(nodes) != 2 {
		t.Fatalf("%+v, %v", nodes, err)
	}
	for _, n := range nodes {
		if len(n.Holds) > 0 {
			t.Errorf("left over at %s: %v", n.ID, n.Holds)
		}
	}
}
