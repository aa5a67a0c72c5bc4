package onnx

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	coreName = "libonnxruntime.so"
	// oldest is the runtime's version that the Go binding speaks to.
	oldestMajor, oldestMinor = 1, 28

	// The CPU library comes with this module.
	cpuModule  = "github.com/k2-fsa/sherpa-onnx-go-linux"
	cpuVersion = "v1.13.8"
)

// findLibrary returns the path of ONNX Runtime's core library: what is
// configured, a file or a folder; else the one beside this program; else the
// one in Go's module cache, for tests and a tree that was built by go itself.
func findLibrary(configured string) (string, error) {
	if configured != "" {
		return libraryAt(configured)
	}
	var tried []string
	if exe, err := os.Executable(); err == nil {
		tried = append(tried, filepath.Join(filepath.Dir(exe), coreName))
	}
	if triple, ok := map[string]string{"amd64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}[runtime.GOARCH]; ok {
		for _, dir := range moduleCaches() {
			tried = append(tried, filepath.Join(dir, cpuModule+"@"+cpuVersion, "lib", triple, coreName))
		}
	}
	for _, path := range tried {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("onnx: %w: no %s beside this program or in Go's module cache (looked for %s)", ErrNoLibrary, coreName, strings.Join(tried, ", "))
}

// moduleCaches returns where Go may keep modules, without asking go, which need not be there.
func moduleCaches() []string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return []string{dir}
	}
	paths := filepath.SplitList(os.Getenv("GOPATH"))
	if home, err := os.UserHomeDir(); err == nil {
		paths = append(paths, filepath.Join(home, "go"))
	}
	for i, p := range paths {
		paths[i] = filepath.Join(p, "pkg", "mod")
	}
	return paths
}

// libraryAt returns the core library that path is or has in it: a GPU build's
// folder has it under a name with a version.
func libraryAt(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("onnx: %w: %s", ErrNoLibrary, path)
	}
	if err != nil {
		return "", fmt.Errorf("onnx: %w: %w", ErrNoLibrary, err)
	}
	if !info.IsDir() {
		return filepath.Abs(path)
	}
	for _, pattern := range []string{coreName, coreName + ".*", "lib/" + coreName, "lib/" + coreName + ".*"} {
		found, _ := filepath.Glob(filepath.Join(escapeGlob(path), pattern))
		if len(found) > 0 {
			return filepath.Abs(slices.Max(found))
		}
	}
	return "", fmt.Errorf("onnx: %w: the folder %s has no %s in it", ErrNoLibrary, path, coreName)
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// inspect refuses what is no ONNX Runtime for this machine and of a version
// that fits, before the loader runs a line of it.
func inspect(path string) error {
	lib, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("onnx: %s is no shared library (%w): name the file %s of an ONNX Runtime build, or its folder", path, err, coreName)
	}
	defer lib.Close()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]; lib.Type != elf.ET_DYN || lib.Machine != want {
		return fmt.Errorf("onnx: %s is a %v for %v, this program runs on %s: take the build for it", path, lib.Type, lib.Machine, runtime.GOARCH)
	}
	symbols, err := lib.DynamicSymbols()
	if err != nil || !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == "OrtGetApiBase" && s.Section != elf.SHN_UNDEF }) {
		return fmt.Errorf("onnx: %s is no ONNX Runtime: it has no OrtGetApiBase", path)
	}
	versions, _ := lib.DynamicVersions() // a build may have none
	for _, v := range versions {
		var major, minor int
		if n, _ := fmt.Sscanf(v.Name, "VERS_%d.%d", &major, &minor); n == 2 && (major < oldestMajor || major == oldestMajor && minor < oldestMinor) {
			return fmt.Errorf("onnx: %s is ONNX Runtime %s, at least %d.%d is needed", path, strings.TrimPrefix(v.Name, "VERS_"), oldestMajor, oldestMinor)
		}
	}
	return nil
}
