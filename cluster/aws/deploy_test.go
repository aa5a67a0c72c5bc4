package aws

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/internal/testkit/awsfake"
)

var (
	asksFor  = regexp.MustCompile(`\bmetric(?:_name)?\s*=\s*"([A-Za-z]+)"`)
	charts   = regexp.MustCompile(`\["([A-Za-z]+)", "(?:Average|Sum|Maximum|Minimum)"\]`)
	spaces   = regexp.MustCompile(`\bnamespace\s*=\s*"([^"]*)"`)
	allSets  = regexp.MustCompile(`(?m)^\s*(?:dimensions|by_group)\s*=\s*(.*)$`)
	set      = regexp.MustCompile(`^\{ ([A-Za-z]+) = [^,}]*\}$`)
	settings = regexp.MustCompile(`"cloudwatch:namespace" = "([^"]*)"`)
)

// TestAlarmsAskForWhatThereIs: what the alarms, policies and dashboard of deploy/terraform
// ask CloudWatch for is published, under the same names and dimensions; and no metric is
// published that none of them asks for.
func TestAlarmsAskForWhatThereIs(t *testing.T) {
	published := map[string]bool{} // those that the group has
	spacesOf := map[string]bool{}
	synctest.Test(t, func(t *testing.T) {
		f, n := ground(), newNode()
		a := start(t, n.config(awsfake.Instance{Fake: f, ID: f.Launch(group)}))
		r := reporter(t, n, awsfake.Instance{Fake: f, ID: "i-gateway"}, func(context.Context) (int, error) { return 0, nil })
		time.Sleep(20 * time.Second)
		a.Close()
		r.Close()
		for _, d := range f.Data() {
			if len(d.Dimensions) == 1 && d.Dimensions["AutoScalingGroupName"] == group {
				published[d.Name] = true
			}
			spacesOf[d.Namespace] = true
		}
	})
	files, err := filepath.Glob("../../deploy/terraform/modules/*/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	asked, sets := map[string]bool{}, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range slices.Concat(asksFor.FindAllSubmatch(text, -1), charts.FindAllSubmatch(text, -1)) {
			name := string(m[1])
			asked[name] = true
			if !published[name] {
				t.Errorf("%s asks for %s, which nobody publishes for the group", file, name)
			}
		}
		for _, m := range slices.Concat(spaces.FindAllSubmatch(text, -1), settings.FindAllSubmatch(text, -1)) {
			if !spacesOf[string(m[1])] {
				t.Errorf("%s: nothing is published in the namespace %s", file, m[1])
			}
		}
		for _, m := range allSets.FindAllSubmatch(text, -1) {
			sets++
			if of := set.FindSubmatch(m[1]); string(m[1]) != "local.by_group" && (of == nil || string(of[1]) != "AutoScalingGroupName") {
				t.Errorf("%s: the dimensions %s are not the group alone", file, m[1])
			}
		}
	}
	for name := range published {
		if !asked[name] {
			t.Errorf("%s is published, and neither alarm nor dashboard asks for it", name)
		}
	}
	if len(asked) < 8 || sets < 4 {
		t.Errorf("found %d metrics and %d sets of dimensions: are the patterns right?", len(asked), sets)
	}
}
