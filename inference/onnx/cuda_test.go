package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNoCUDA(t *testing.T) {
	r := testRuntime(t)
	path := write(t, double(elemFloat).file())
	_, err := r.Open(t.Context(), ModelConfig{Path: path, Provider: CUDA})
	if !errors.Is(err, ErrCPUBuild) {
		t.Errorf("cuda without a GPU build: %v", err)
	}
	m, err := r.Open(t.Context(), ModelConfig{Path: path, Provider: CUDA, AllowFallback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Provider() != CPU || m.Fallback() == "" {
		t.Errorf("provider %q, fallback %q", m.Provider(), m.Fallback())
	}
	if _, err := r.Open(t.Context(), ModelConfig{Path: path, Provider: "tpu"}); err == nil {
		t.Error("a provider that there is not")
	}
}

// A folder with half of a GPU build, and one whose libraries are not there.
func TestPrepareCUDA(t *testing.T) {
	dir := t.TempDir()
	core := filepath.Join(dir, coreName)
	if err := prepareCUDA(dir, core); !errors.Is(err, ErrCPUBuild) {
		t.Errorf("no providers: %v", err)
	}
	compile(t, filepath.Join(dir, sharedProvider), "int shared;")
	if err := prepareCUDA(dir, core); err == nil || !strings.Contains(err.Error(), cudaProvider+" is missing") {
		t.Errorf("no CUDA provider: %v", err)
	}
	stubs := t.TempDir()
	for _, name := range []string{"libcublasLt.so.13", "libcudnn.so.9"} {
		compile(t, filepath.Join(stubs, name), "int "+name[3:7]+";", "-Wl,-soname,"+name)
	}
	compile(t, filepath.Join(dir, cudaProvider), "int cuda;", "-Wl,--no-as-needed", "-L"+stubs, "-l:libcublasLt.so.13", "-l:libcudnn.so.9")

	p, err := readProvider(dir)
	if err != nil || p.major != 13 || !slices.Contains(p.needs, "libcudnn.so.9") {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := p.fits(0); err == nil || !strings.Contains(err.Error(), "no NVIDIA driver") {
		t.Errorf("without a driver: %v", err)
	}
	if err := p.fits(12040); err == nil || !strings.Contains(err.Error(), "CUDA 12.4 at most") {
		t.Errorf("an old driver: %v", err)
	}
	if err := p.fits(13000); err != nil {
		t.Error(err)
	}

	// A loader that finds what is in the system's folders, and by path what is there.
	system := map[string]bool{"libc.so.6": true, "libcublasLt.so.12": true}
	var opened []string
	load := func(name string) error {
		opened = append(opened, name)
		if _, err := os.Stat(name); err == nil || system[name] {
			return nil
		}
		return errors.New(name + ": cannot open shared object file")
	}
	err = p.load(load)
	for _, want := range []string{"libcublasLt.so.13", "libcudnn.so.9", "an ONNX Runtime built for CUDA 12"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("libraries that are not there: %v; want %q", err, want)
		}
	}
	delete(system, "libcublasLt.so.12")
	if err := p.load(load); err == nil || !strings.Contains(err.Error(), "LD_LIBRARY_PATH") {
		t.Errorf("no CUDA at all: %v", err)
	}

	// Beside the provider they are found without LD_LIBRARY_PATH, by their paths.
	for _, name := range []string{"libcublasLt.so.13", "libcudnn.so.9"} {
		if err := os.Rename(filepath.Join(stubs, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.load(load); err != nil || !slices.Contains(opened, filepath.Join(dir, "libcudnn.so.9")) {
		t.Errorf("libraries beside the provider: %v, opened %v", err, opened)
	}
	if err := p.load(loadLibrary); err != nil {
		t.Errorf("the system's loader: %v", err)
	}
}
