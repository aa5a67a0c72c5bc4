package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/internal/bench/scaleout"
	"livedub/internal/testkit/asg"
	"livedub/internal/testkit/awsfake"
)

func TestBenchScaleoutArguments(t *testing.T) {
	for _, args := range []string{"one", "--places 0", "--places 17", "--start hot", "--boot cold=1h", "--boot cold=soon", "--boot hot=1s", "--boot warm=-1s", "--engines neural"} {
		if code, _, errs := call(t, strings.Fields("scaleout "+args)...); code != 2 || !strings.Contains(errs, "bench scaleout") {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
	cold, warm, err := bootTimes(map[string]string{"cold": "1s"})
	if err != nil || cold != time.Second || warm != 10*time.Second {
		t.Errorf("%v, %v, %v", cold, warm, err)
	}
}

// TestBenchScaleoutNeeds: what is missing is named, with what to do about it.
func TestBenchScaleoutNeeds(t *testing.T) {
	if code, _, errs := call(t, "scaleout", "--start", "cold"); code != 1 || !strings.Contains(errs, "run make build") {
		t.Errorf("code %d, %s", code, errs)
	}
}

func TestDrawScaleout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "out")
	if err := drawScaleout(dir, []scaleout.Report{{Start: "cold"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "scaleout.svg")); err != nil {
		t.Error(err)
	}
}

// TestVerifyArguments: what makes no sense is told before anybody is asked.
func TestVerifyArguments(t *testing.T) {
	base := "--group g --gateway http://127.0.0.1:1 "
	for args, says := range map[string]string{
		"--help":                       "",
		"--gateway http://127.0.0.1:1": "--group is missing",
		"--group g":                    "is no http or https address",
		"--group g --gateway ftp://x":  "is no http or https address",
		base + "--sessions 1000":       "--sessions 1000",
		base + "--for 0s":              "--for takes",
		base + "--scale-in -1s":        "--scale-in 0s to 24h",
		base + "--from ko":             "give --clip",
		base + "more":                  `got "more"`,
		base + "--no-such-flag":        "--no-such-flag is no flag",
	} {
		code, out, errs := call(t, strings.Fields("verify-scaleout "+args)...)
		if says == "" {
			if code != 0 || !strings.Contains(out, "usage: livedub verify-scaleout --group NAME") {
				t.Errorf("%s: code %d, %s", args, code, out)
			}
		} else if code != 2 || !strings.Contains(errs, says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
}

// TestVerifyAsks: without --yes it only looks, through the SDK's own settings, and says what it would do.
func TestVerifyAsks(t *testing.T) {
	f := awsfake.New()
	f.AddGroup(awsfake.Group{Name: "g", Config: groupOf(1, 3), Policies: []awsfake.Policy{{Name: "used", Namespace: "DeepLearning", Policy: tracking()}}})
	operator := awsfake.Instance{Fake: f}
	imds, groups, watch := operator.Listen(awsfake.IMDS), operator.Listen(awsfake.AutoScaling), operator.Listen(awsfake.CloudWatch)
	defer imds.Close()
	defer groups.Close()
	defer watch.Close()
	for _, e := range append(awsfake.Environment(imds, groups, watch), "AWS_ACCESS_KEY_ID="+f.Key(), "AWS_SECRET_ACCESS_KEY=fake", "AWS_SESSION_TOKEN=fake",
		"AWS_PROFILE=", "AWS_REGION="+awsfake.Region, "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", tokenEnv+"="+strings.Repeat("secret", 6)) {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	made := 0
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			made++
		}
		if r.Header.Get("Authorization") != "Bearer "+strings.Repeat("secret", 6) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"nodes": []scaleout.Node{{ID: "a", State: "serving", Capacity: 5 * 1.22}}}) // who asked is there
	}))
	defer gateway.Close()
	for until := time.Now().Add(30 * time.Second); len(f.Instances("g")) == 0 || f.Instances("g")[0].State != "InService"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%+v", f.Instances("g"))
		}
	}
	code, out, errs := call(t, "verify-scaleout", "--group", "g", "--gateway", gateway.URL)
	for _, says := range []string{"account " + awsfake.Account, "1 of 1 to 3 instances", "policies [used]", "puts 7 sessions on the gateway", "2 at most, new", "nothing was done: add --yes"} {
		if !strings.Contains(errs, says) {
			t.Errorf("%q is not in %s", says, errs)
		}
	}
	if code != 1 || out != "" || made != 0 || f.Requests("PutMetricData") != 0 || f.Desired("g") != 1 {
		t.Errorf("code %d, %d requests that change, %s", code, made, out)
	}
	t.Setenv(tokenEnv, strings.Repeat("other", 7))
	if code, _, errs := call(t, "verify-scaleout", "--group", "g", "--gateway", gateway.URL, "--yes"); code != 1 || !strings.Contains(errs, "LIVEDUB_ADMIN_TOKEN") {
		t.Errorf("code %d, %s", code, errs)
	}
	t.Setenv("AWS_REGION", "")
	if code, _, errs := call(t, "verify-scaleout", "--group", "g", "--gateway", gateway.URL); code != 1 || !strings.Contains(errs, "no AWS region: give --region") {
		t.Errorf("code %d, %s", code, errs)
	}
}

func groupOf(least, most int) asg.Config { return asg.Config{Min: least, Max: most} }

func tracking() asg.Policy { return asg.Tracking("UsedCapacity", 56, 10*time.Second, 20*time.Second) }
