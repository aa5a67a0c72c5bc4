package signaling

import (
	"errors"
	"sync"
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
	if err := g.Enter(); err != nil || g.Inside() != 2 {
		t.Errorf("after one left: %v, %d inside", err, g.Inside())
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
		for i := range 3 {
			if err := g.Enter(); err != nil {
				t.Fatal(err)
			}
			go func() {
				<-g.Context().Done()
				time.Sleep(time.Duration(i) * time.Second)
				g.Leave()
			}()
		}
		start := time.Now()
		var wg sync.WaitGroup
		for range 2 { // one call waits as well as the other
			wg.Go(func() {
				g.Close()
				if n := g.Inside(); n != 0 || time.Since(start) != 2*time.Second {
					t.Errorf("Close returned after %s with %d inside", time.Since(start), n)
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
