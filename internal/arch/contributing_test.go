package arch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// example is a Go block of CONTRIBUTING.md that says which file it is.
var example = regexp.MustCompile("(?s)```go\n// file: ([a-z0-9_/.]+)\n\n(.*?)```")

// TestContributing compiles the examples of CONTRIBUTING.md in the places that
// they name, and runs their tests.
func TestContributing(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	packages := map[string]bool{}
	for _, m := range example.FindAllStringSubmatch(string(text), -1) {
		file := filepath.Join(root, m[1])
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s exists: an example must be new", m[1])
		}
		replace[file] = filepath.Join(dir, strings.ReplaceAll(m[1], "/", "_"))
		if err := os.WriteFile(replace[file], []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		packages["./"+filepath.Dir(m[1])] = true
	}
	if len(packages) != 3 {
		t.Fatalf("found examples for %v: an engine, a language and an endpoint are told of", packages)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	for p := range packages {
		t.Run(p, func(t *testing.T) {
			run := "."
			if p == "./inference/speak" {
				run = "TestGalicianHasVisemes"
			}
			// Built, then run from the root: go test would run it in a folder that is not there.
			bin := filepath.Join(dir, filepath.Base(p)+".test")
			for _, args := range [][]string{{"go", "test", "-c", "-vet=off", "-overlay", list, "-o", bin, p}, {bin, "-test.run", run}} {
				cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
				cmd.Dir = root
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}
