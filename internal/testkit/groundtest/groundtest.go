// Package groundtest finds what tests stand on and the repository does not hold:
// recordings, nets and tools in ../shared, and other people's programs. A test
// that goes without says so where nobody overlooks it.
package groundtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// NotTried names, in the environment, the file that gets a line for each thing
// that was not tried. `make test` sets it, and prints the file at its end.
const NotTried = "LIVEDUB_NOT_TRIED"

// Shared returns the path of ../shared/name, beside the repository. Without it
// the test fails in continuous integration (CI=true), and is skipped elsewhere.
func Shared(t testing.TB, name string) string {
	t.Helper()
	return SharedAll(t, name)[0]
}

// SharedAll returns what matches a pattern below ../shared (filepath.Glob), at
// least one path; without any it ends the test as Shared does.
func SharedAll(t testing.TB, pattern string) []string {
	t.Helper()
	found := shared(t, pattern)
	if len(found) == 0 {
		Skip(t, "no ../shared/%s beside the repository", pattern)
	}
	return found
}

// SharedOr is Shared for a test that goes on without, with less: it returns
// false then, having noted what is used instead.
func SharedOr(t testing.TB, name, instead string) (string, bool) {
	t.Helper()
	found := shared(t, name)
	if len(found) == 0 {
		t.Logf("no ../shared/%s beside the repository: %s", name, instead)
		note(t, fmt.Sprintf("no ../shared/%s: %s", name, instead))
		return "", false
	}
	return found[0], true
}

// Need ends a test for what continuous integration has and this machine lacks:
// it fails there (CI=true), and is skipped elsewhere, which is noted.
func Need(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format+": continuous integration (CI=true) needs it", args...)
	}
	Skip(t, format, args...)
}

// Skip skips a test for what this machine lacks and may lack, and notes that.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	note(t, why)
	t.Skip("SKIPPED: " + why)
}

// shared returns what matches below ../shared; nothing is a failure in continuous integration.
func shared(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root(t), "..", "shared", pattern))
	if err != nil {
		t.Fatal(err)
	}
	// The environment is read only where something is missing: what it says then
	// belongs to the test's cached result.
	if len(found) == 0 && os.Getenv("CI") == "true" {
		t.Fatalf("no ../shared/%s: continuous integration (CI=true) has ../shared beside the repository", pattern)
	}
	return found
}

// root returns the repository's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			t.Fatalf("no go.mod above %s", dir)
		}
	}
}

// note adds a line to the file of what was not tried, if there is one.
func note(t testing.TB, why string) {
	t.Helper()
	path := os.Getenv(NotTried)
	if path == "" {
		return
	}
	// One short write that appends: test programs of other packages write too.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir, _ := os.Getwd()
	pkg, _ := filepath.Rel(root(t), dir)
	if _, err := fmt.Fprintf(f, "%s %s: %s\n", pkg, t.Name(), strings.Join(strings.Fields(why), " ")); err != nil {
		t.Fatal(err)
	}
}
