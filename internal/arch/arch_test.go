package arch

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// here loads this very module.
func here(t *testing.T) *module {
	t.Helper()
	m, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if m.name != "livedub" || m.pkgs["media"] == nil || m.pkgs["cmd/livedub"] == nil {
		t.Fatalf("read the wrong tree: module %q, %d packages", m.name, len(m.pkgs))
	}
	return m
}

func report(t *testing.T, found []breach) {
	t.Helper()
	for _, b := range found {
		t.Error(b)
	}
}

func TestImports(t *testing.T) { report(t, checkImports(here(t))) }
func TestLinks(t *testing.T)   { report(t, checkLinks(here(t))) }
func TestHouse(t *testing.T)   { report(t, checkHouse(here(t))) }

// TestLawBites: in testdata/broken every law is broken at the lines that say
// `want`, and nowhere else.
func TestLawBites(t *testing.T) {
	fsys := os.DirFS("testdata/broken")
	m, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	want := wants(t, fsys)
	if len(want) < 20 {
		t.Fatalf("only %d lines want a breach", len(want))
	}
	for _, b := range append(checkImports(m), checkLinks(m)...) {
		key := b.file + ":" + strconv.Itoa(b.line)
		i := slices.IndexFunc(want[key], func(w string) bool { return strings.Contains(b.msg, w) })
		if i < 0 {
			t.Errorf("not wanted: %s", b)
			continue
		}
		want[key] = slices.Delete(want[key], i, i+1)
	}
	for key, left := range want {
		for _, w := range left {
			t.Errorf("%s: no breach: %s", key, w)
		}
	}
}

var quoted = regexp.MustCompile("`([^`]+)`")

// wants returns the texts in backquotes after "want", by file:line.
func wants(t *testing.T, fsys fs.FS) map[string][]string {
	found := map[string][]string{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := fs.ReadFile(fsys, p)
		for i, line := range strings.Split(string(src), "\n") {
			_, after, ok := strings.Cut(line, "want ")
			if !ok {
				continue
			}
			for _, q := range quoted.FindAllStringSubmatch(after, -1) {
				key := p + ":" + strconv.Itoa(i+1)
				found[key] = append(found[key], q[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestHouseBites(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	const doc = "// Package a is a.\n"
	for _, tt := range []struct {
		name string
		fsys fstest.MapFS
		want string // "" for none
	}{
		{"good", fstest.MapFS{"a/a.go": file(doc + "package a\n"), "a/b.go": file("package a\n")}, ""},
		{"no sentence", fstest.MapFS{"a/a.go": file("package a\n")}, "a/a.go:1: package a opens with no sentence"},
		{"half a sentence", fstest.MapFS{"a/a.go": file("// Package a\npackage a\n")}, "opens with no sentence"},
		{"detached", fstest.MapFS{"a/a.go": file(doc + "\npackage a\n")}, "opens with no sentence"},
		{"no goleak", fstest.MapFS{"a/a.go": file(doc + "package a\n"),
			"a/a_test.go": file("package a\nimport \"testing\"\nfunc TestMain(m *testing.M) { m.Run() }\n")}, "no TestMain with goleak"},
		{"no TestMain", fstest.MapFS{"a/a.go": file(doc + "package a\n"), "a/a_test.go": file("package a\n")}, "no TestMain with goleak"},
		{"goleak", fstest.MapFS{"a/a.go": file(doc + "package a\n"),
			"a/a_test.go": file("package a\nfunc TestMain(m *testing.M) { goleak.VerifyTestMain(m) }\n")}, ""},
		{"promise", fstest.MapFS{"a/a.go": file(doc + "package a\n// TO" + "DO: more\n")}, "a/a.go:3: TO" + "DO"},
		{"exit", fstest.MapFS{"a/a.go": file(doc + "package a\nfunc f() { os.Exit(1) }\n")}, "a/a.go:3: os.Exit"},
		{"exit in main", fstest.MapFS{"a/a.go": file("// Command a is a.\npackage main\nfunc main() { os.Exit(1) }\n")}, ""},
		{"long", fstest.MapFS{"a/a.go": file(doc + "package a\n" + strings.Repeat("\n", maxLines))}, "402 lines"},
		{"not ours", fstest.MapFS{"b/go.mod": file("module b\n"), "b/b.go": file("package b\n"),
			"testdata/x.go": file("package x\n"), ".h/x.go": file("package x\n")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.fsys["go.mod"] = file("module livedub\n")
			m, err := load(tt.fsys)
			if err != nil {
				t.Fatal(err)
			}
			switch found := checkHouse(m); {
			case tt.want == "" && len(found) > 0:
				t.Errorf("not wanted: %v", found)
			case tt.want != "" && (len(found) != 1 || !strings.Contains(found[0].String(), tt.want)):
				t.Errorf("got %v, want %s", found, tt.want)
			}
		})
	}
}
