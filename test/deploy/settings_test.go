package deploy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	section  = regexp.MustCompile(`^([a-z0-9_]+):$`)
	setting  = regexp.MustCompile(`^  ([a-z0-9_]+):`)
	variable = regexp.MustCompile(`\bLIVEDUB_[A-Z0-9_]+\b`)
)

// TestSettings wants each of livedub's variables that instances are started
// with to be one of its settings: an unknown one would be passed over in silence.
func TestSettings(t *testing.T) {
	sample, err := os.ReadFile("../../deploy/livedub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known, in := map[string]bool{}, ""
	for line := range strings.Lines(string(sample)) {
		if m := section.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			in = m[1]
		} else if m := setting.FindStringSubmatch(line); m != nil {
			known["LIVEDUB_"+strings.ToUpper(in+"_"+m[1])] = true
		}
	}
	used := 0
	err = filepath.WalkDir("../../deploy/terraform", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".tf" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			used++
			if !known[name] {
				t.Errorf("%s: %s is no setting of deploy/livedub.yaml", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if used < 10 {
		t.Errorf("found %d variables, want 10 or more: is the pattern right?", used)
	}
}
