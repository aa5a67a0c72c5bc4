package cluster

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
)

// TestRedisOutage kills Redis under a live call and starts it again, without what it
// held. The listener notices nothing. New sessions wait.
func TestRedisOutage(t *testing.T) { play(t, redisOutage) }

func redisOutage(t *scene) {
	r := start(t, clusterrig.Config{Nodes: 2})
	c := call(t, r)
	r.Redis.Kill()
	fault := time.Now()
	client := r.Client()
	defer client.Close()
	want := caller.Wanted{From: "en", To: []string{"es"}}
	_, err := client.Create(t.Context(), want)
	if refused := (caller.StatusError{}); !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || refused.Retry == "" {
		t.Errorf("without Redis: %v", err)
	}
	for _, addr := range []string{r.Base, "http://" + r.Nodes[0].Addr} {
		if status, err := r.Get(t.Context(), addr+"/healthz", nil); err != nil || status != http.StatusOK {
			t.Errorf("%s/healthz: %d, %v", addr, status, err)
		}
	}
	time.Sleep(time.Until(fault.Add(8 * time.Second))) // longer than a node lives without a heartbeat
	must(t, r.Redis.Start())
	began := time.Now()
	until(t, "a session can be made, and the live one found", 10*time.Second, func() bool {
		made, err := client.Create(t.Context(), want)
		if err != nil {
			return false
		}
		if err := client.End(t.Context(), made.Control); err != nil {
			t.Error(err)
		}
		_, err = client.Look(t.Context(), c.Made.Control, &c.Fence)
		return err == nil
	})
	t.Logf("healed in %v", time.Since(began).Round(time.Millisecond))
	time.Sleep(3 * time.Second)
	f := c.Figures(fault, time.Now())
	t.Logf("%+v", f)
	if len(f.Lost)+len(f.Twice) > 0 || f.SourceGap > 0 || f.Said < 8 {
		t.Errorf("the listener noticed: %+v", f)
	}
}
