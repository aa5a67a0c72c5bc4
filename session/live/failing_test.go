package live

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestFailingNamesAllStages: the stages whose failures are told as 0 are those that the
// source of session reports failures of.
func TestFailingNamesAllStages(t *testing.T) {
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	fail := regexp.MustCompile(`\.Fail\("([a-z_]+)"`)
	found := []string{"speak", "translate"} // by a variable, in session/dub
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fail.FindAllStringSubmatch(string(text), -1) {
			found = append(found, m[1])
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(found, failing) {
		t.Errorf("the source has %q, metrics.go %q", found, failing)
	}
}
