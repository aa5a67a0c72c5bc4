package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The module cache's path is written in the code; go.mod must name the same.
func TestModuleVersion(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), cpuModule+" "+cpuVersion) {
		t.Errorf("go.mod has another version of %s than %s: change cpuVersion", cpuModule, cpuVersion)
	}
}

func TestFindLibrary(t *testing.T) {
	found, err := findLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(path string) string {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := put("plain/libonnxruntime.so")
	versioned := put("ver[1]sioned/lib/libonnxruntime.so.1.28.2")
	none := filepath.Dir(put("none/readme"))
	for _, c := range []struct{ configured, want, err string }{
		{plain, plain, ""},
		{filepath.Dir(plain), plain, ""},
		{filepath.Dir(filepath.Dir(versioned)), versioned, ""},
		{found, found, ""},
		{none, "", "no libonnxruntime.so"},
		{filepath.Join(dir, "gone"), "", "not there"},
	} {
		got, err := findLibrary(c.configured)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", c.configured, got, err, c.want, c.err)
		}
	}

	t.Setenv("GOMODCACHE", dir)
	if _, err := findLibrary(""); !errors.Is(err, ErrNoLibrary) {
		t.Errorf("without a library: %v", err)
	}
	t.Setenv("GOMODCACHE", "")
	t.Setenv("GOPATH", "/a:/b")
	t.Setenv("HOME", "/home/me")
	if got := strings.Join(moduleCaches(), " "); got != "/a/pkg/mod /b/pkg/mod /home/me/go/pkg/mod" {
		t.Error(got)
	}
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.so")
	compile(t, other, "int f(void) { return 1; }")
	old := filepath.Join(dir, "old.so")
	script := filepath.Join(dir, "old.map")
	if err := os.WriteFile(script, []byte("VERS_1.20.1 { global: OrtGetApiBase; };"), 0o600); err != nil {
		t.Fatal(err)
	}
	compile(t, old, "const void *OrtGetApiBase(void) { return 0; }", "-Wl,--version-script="+script)
	for path, want := range map[string]string{text: "no shared library", other: "no ONNX Runtime", old: "1.20.1, at least 1.28", os.Args[0]: ""} {
		err := inspect(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	real, err := findLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	if err := inspect(real); err != nil {
		t.Error(err)
	}
}

func TestOneRuntime(t *testing.T) {
	a, b := testRuntime(t), testRuntime(t)
	if a.Library() != b.Library() || a.Version() == "" {
		t.Errorf("%q and %q, version %q", a.Library(), b.Library(), a.Version())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	path := write(t, double(elemFloat).file())
	if _, err := a.Open(t.Context(), ModelConfig{Path: path}); err == nil {
		t.Error("a closed runtime opened a net")
	}
	if m, err := b.Open(t.Context(), ModelConfig{Path: path}); err != nil {
		t.Error(err)
	} else if err := m.Close(); err != nil {
		t.Error(err)
	}
	other := filepath.Join(t.TempDir(), coreName)
	data, err := os.ReadFile(a.Library())
	if err == nil {
		err = os.WriteFile(other, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewRuntime(Config{Library: other}); !errors.Is(err, ErrOtherLibrary) {
		t.Errorf("a second library: %v", err)
	}
}
