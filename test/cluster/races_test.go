package cluster

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
)

// TestLastPlaces has 64 callers race for the last places through two gateways, while a
// node is dead: no node gets more than it has, and the dead one nobody.
func TestLastPlaces(t *testing.T) { play(t, lastPlaces) }

func lastPlaces(t *scene) {
	const places, callers = 3, 64
	r := start(t, clusterrig.Config{Gateways: 2, Places: places})
	dead := r.Nodes[2]
	dead.Kill()
	until(t, "the dead node is found dead", 15*time.Second, func() bool { return r.Dead(t.Context(), dead) })
	client := r.Client()
	defer client.Close()
	var full, failed atomic.Int64
	var mu sync.Mutex
	var made []caller.Made
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			m, err := client.Create(t.Context(), caller.Wanted{From: "en", To: []string{"es"}})
			refused := caller.StatusError{}
			switch {
			case err == nil:
				mu.Lock()
				made = append(made, m)
				mu.Unlock()
			case errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable && refused.Retry != "":
				full.Add(1)
			default:
				failed.Add(1)
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(made) != 2*places || int(full.Load()) != callers-2*places {
		t.Errorf("%d sessions for %d places, %d were refused", len(made), 2*places, full.Load())
	}
	for _, n := range r.Nodes[:2] {
		held := 0
		for _, m := range made {
			if _, ok := r.Holds(t.Context(), n, m.ID); ok {
				held++
			}
		}
		if held != places {
			t.Errorf("%s has %d sessions for %d places", n.Name, held, places)
		}
	}
	for _, m := range made {
		must(t, client.End(t.Context(), m.Control))
	}
}
