package gpu

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
)

// TestMonitorSamples: at most once a second, and never unasked.
func TestMonitorSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := full()
		samples := func() int { return len(d.GetUtilizationRatesCalls()) }
		m := watch(library(t, d))
		defer m.Close()
		synctest.Wait()
		time.Sleep(time.Hour)
		if n := samples(); n != 1 {
			t.Errorf("%d samples that nobody asked for, want the first alone", n)
		}
		before := samples()
		start := time.Now()
		for time.Since(start) < 10*time.Second {
			if r := m.Read(t.Context()); len(r.Devices) != 1 {
				t.Fatalf("%+v", r)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if n := samples() - before; n < 9 || n > 11 {
			t.Errorf("%d samples in ten seconds of asking", n)
		}
	})
}

// TestMonitorWithoutDriver: it says so, again and again.
func TestMonitorWithoutDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(&mock.Interface{InitFunc: func() nvml.Return { return nvml.ERROR_LIBRARY_NOT_FOUND }})
		for range 3 {
			if r := m.Read(t.Context()); !strings.Contains(r.Absent, "no NVIDIA driver") {
				t.Errorf("%+v", r)
			}
			time.Sleep(time.Minute)
		}
		m.Close()
		if r := m.Read(t.Context()); r.Absent == "" {
			t.Errorf("closed: %+v", r)
		}
	})
}

// TestMonitorHangs: who asks a driver that hangs gets the last sample when its
// patience ends, and Close gives up.
func TestMonitorHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		d := full()
		m := watch(library(t, d))
		if r := m.Read(t.Context()); len(r.Devices) != 1 {
			t.Fatalf("%+v", r)
		}
		time.Sleep(2 * interval)
		synctest.Wait()
		d.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { <-release; return nvml.Memory{}, nvml.SUCCESS }
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			start := time.Now()
			if r := m.Read(ctx); len(r.Devices) != 1 || time.Since(start) != 300*time.Millisecond {
				t.Errorf("%+v after %v", r, time.Since(start))
			}
			cancel()
		}
		start := time.Now()
		m.Close()
		if took := time.Since(start); took != closing {
			t.Errorf("Close took %v", took)
		}
		close(release)
		<-m.done
	})
}
