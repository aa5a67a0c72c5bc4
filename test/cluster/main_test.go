// Package cluster breaks a cluster of real processes and judges by what a listener
// receives.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/redisproc"
)

// bin is where the programs under test stand.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "livedub-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	build := exec.Command("go", "build", "-o", dir, "livedub/cmd/livedub", "livedub/cmd/gateway")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// tones is made once.
var tones = sync.OnceValues(func() (*caller.Material, error) { return caller.Tones(320, 180) })

// start starts a cluster and ends it with the test.
func start(t *scene, c clusterrig.Config) *clusterrig.Rig {
	t.Helper()
	c.Bin, c.Dir = bin, t.TempDir()
	if c.Nodes == 0 {
		c.Nodes = 3
	}
	if c.Gateways == 0 {
		c.Gateways = 1
	}
	if c.Places == 0 {
		c.Places = 4
	}
	r, err := clusterrig.Start(c)
	if errors.Is(err, redisproc.ErrMissing) {
		groundtest.Need(t.T, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		log := r.Printed()
		if strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
			t.Error("a process panicked, or raced")
		}
		if t.Failed() {
			t.Logf("printed:\n%s", log)
		}
	})
	return r
}

// call begins a call and waits until its dub is heard. It ends with the test.
func call(t *scene, r *clusterrig.Rig) *clusterrig.Call {
	t.Helper()
	return begun(t, r.Call)
}

func begun(t *scene, begin func(context.Context, *caller.Material) (*clusterrig.Call, error)) *clusterrig.Call {
	t.Helper()
	m, err := tones()
	if err != nil {
		t.Fatal(err)
	}
	c, err := begin(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.End(ctx); err != nil && !t.Failed() {
			t.Errorf("ending the call: %v", err)
		}
	})
	hearing(t, c, time.Now(), 2)
	return c
}

// hearing waits until so many phrases that were due after a moment were heard in a row.
func hearing(t *scene, c *clusterrig.Call, after time.Time, phrases int) {
	t.Helper()
	if err := c.Hearing(t.Context(), after, phrases, 40*time.Second); err != nil {
		t.Fatal(err)
	}
}

// holder returns the node that holds a call.
func holder(t *scene, r *clusterrig.Rig, c *clusterrig.Call) *clusterrig.Node {
	t.Helper()
	n := r.Holder(t.Context(), c.Made.ID)
	if n == nil {
		t.Fatal("no node holds the call")
	}
	return n
}

// until waits for something to come true.
func until(t *scene, what string, bound time.Duration, done func() bool) {
	t.Helper()
	for end := time.Now().Add(bound); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in %v", what, bound)
		}
	}
}

// must ends the test where something could not be done.
func must(t *scene, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
