package onnx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// thief is a runtime that takes signals for itself when it is loaded, when it
// is asked for its API and so does all that a real one does.
const thief = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void die(int s) { _exit(100 + s); }

__attribute__((constructor)) static void steal(void) {
	int list[] = {SIGINT, SIGTERM, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGHUP};
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		signal(list[i], die);
}

const void *OrtGetApiBase(void) {
	steal();
	void *real = dlopen(getenv("ONNX_TEST_REAL"), RTLD_NOW | RTLD_LOCAL);
	const void *(*get)(void) = (const void *(*)(void))dlsym(real, "OrtGetApiBase");
	return get();
}
`

func init() {
	children["signals"] = keepsSignals
}

// keepsSignals opens a net, recovers from a nil pointer, and ends by SIGTERM as a Go program does.
func keepsSignals() error {
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, syscall.SIGTERM)
	r, err := NewRuntime(Config{Library: os.Getenv("ONNX_TEST_LIBRARY")})
	if err != nil {
		return err
	}
	defer r.Close()
	m, err := r.Open(context.Background(), ModelConfig{Path: os.Getenv("ONNX_TEST_NET"), Threads: 4})
	if err != nil {
		return err
	}
	defer m.Close()
	if err := dereference(nil); err == nil {
		return errors.New("a nil pointer was followed without a panic")
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case s := <-seen:
		fmt.Println("saw", s)
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("SIGTERM was not seen")
	}
}

func dereference(p *int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	*p = 1
	return nil
}

// child runs the test binary as one of children.
func child(t *testing.T, name string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), "ONNX_TEST_CHILD="+name), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// compile makes a shared library of C.
func compile(t *testing.T, path, source string, flags ...string) {
	t.Helper()
	src := filepath.Join(t.TempDir(), "lib.c")
	if err := os.WriteFile(src, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-shared", "-fPIC", "-o", path, src}, flags...)
	if out, err := exec.CommandContext(t.Context(), "gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v: %s", err, out)
	}
}

func TestSignalsStayGos(t *testing.T) {
	real, err := findLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	net := write(t, double(elemFloat).file())
	fake := filepath.Join(t.TempDir(), coreName)
	compile(t, fake, thief, "-ldl")
	for _, c := range []struct{ name, library string }{{"onnxruntime", real}, {"one that takes signals", fake}} {
		out, err := child(t, "signals", "ONNX_TEST_LIBRARY="+c.library, "ONNX_TEST_REAL="+real, "ONNX_TEST_NET="+net)
		if err != nil || out != "saw terminated\n" {
			t.Errorf("%s: %v: %s", c.name, err, out)
		}
	}
}
