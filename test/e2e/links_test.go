package e2e

import (
	"debug/elf"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWorkerLooksBesideItself: its library comes along where the programs are copied to.
func TestWorkerLooksBesideItself(t *testing.T) {
	f, err := elf.Open(filepath.Join(bin, "transducerworker"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	paths, err := f.DynString(elf.DT_RUNPATH)
	if err != nil || len(paths) != 1 || !strings.HasPrefix(paths[0], "$ORIGIN:") {
		t.Errorf("%q, %v", paths, err)
	}
}

// TestEnginesInCStandApart: a library that listens or speaks is linked into its
// worker only, so that its crash is the worker's, and its licence too.
func TestEnginesInCStandApart(t *testing.T) {
	engines := []string{"libpocketsphinx", "libsphinxbase", "libespeak", "libsherpa-onnx"}
	links := func(program string) (linked []string) {
		f, err := elf.Open(filepath.Join(bin, program))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		libs, err := f.ImportedLibraries()
		if err != nil || len(libs) == 0 {
			t.Fatalf("%s links %v, %v", program, libs, err)
		}
		for _, e := range engines {
			if slices.ContainsFunc(libs, func(l string) bool { return strings.HasPrefix(l, e) }) {
				linked = append(linked, e)
			}
		}
		return linked
	}
	for program, want := range map[string][]string{
		"livedub": nil, "espeakworker": {"libespeak"}, "pocketsphinxworker": {"libpocketsphinx", "libsphinxbase"}, "transducerworker": {"libsherpa-onnx"},
	} {
		if got := links(program); !slices.Equal(got, want) {
			t.Errorf("%s links %v, want %v", program, got, want)
		}
	}
}
