package signaling

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGateIsBounded(t *testing.T) {
	g := NewGate(2, "streams")
	for range 2 {
		if err := g.Enter(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Enter(); !errors.Is(err, ErrFull) || err.Error() != "2 streams are open already" {
		t.Errorf("a third: %v", err)
	}
	g.Leave()
	if err := g.Enter(); err != nil {
		t.Errorf("after one left: %v", err)
	}
	if err := g.Enter(); !errors.Is(err, ErrFull) {
		t.Errorf("a third again: %v", err)
	}
	g.Leave()
	g.Leave()
	g.Close()
}

func TestGateWithoutABound(t *testing.T) {
	g := NewGate(0, "peers")
	for range 5000 {
		if err := g.Enter(); err != nil {
			t.Fatal(err)
		}
	}
	for range 5000 {
		g.Leave()
	}
	g.Close()
}

func TestGateWaitsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(9, "streams")
		var left atomic.Int32
		for i := range 3 {
			if err := g.Enter(); err != nil {
				t.Fatal(err)
			}
			go func() {
				<-g.Context().Done()
				time.Sleep(time.Duration(i) * time.Second)
				left.Add(1)
				g.Leave()
			}()
		}
		start := time.Now()
		var wg sync.WaitGroup
		for range 2 { // one call waits as well as the other
			wg.Go(func() {
				g.Close()
				if left.Load() != 3 || time.Since(start) != 2*time.Second {
					t.Errorf("Close returned after %s when %d of 3 had left", time.Since(start), left.Load())
				}
			})
		}
		synctest.Wait()
		if err := g.Enter(); !errors.Is(err, ErrClosing) {
			t.Errorf("while it closes: %v", err)
		}
		wg.Wait()
	})
}
