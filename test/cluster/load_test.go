package cluster

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
)

// TestUnknownSession asks for sessions that there are not, while a call goes on: each
// is one look-up in Redis, which never looks through what it holds.
func TestUnknownSession(t *testing.T) { play(t, unknownSession) }

func unknownSession(t *scene) {
	const askers, each = 4, 50
	r := start(t, clusterrig.Config{Nodes: 2})
	c := call(t, r)
	since := time.Now()
	if _, err := r.Redis.Do("CONFIG RESETSTAT"); err != nil {
		t.Fatal(err)
	}
	var took [askers][]time.Duration
	var all sync.WaitGroup
	for a := range askers {
		all.Go(func() {
			for i := range each {
				began := time.Now()
				status, err := r.Get(t.Context(), fmt.Sprintf("%s/v1/sessions/nobody%d-%d", r.Base, a, i), nil)
				took[a] = append(took[a], time.Since(began))
				if err != nil || status != http.StatusNotFound {
					t.Errorf("%d, %v", status, err)
				}
			}
		})
	}
	all.Wait()
	sorted := slices.Concat(took[:]...)
	slices.Sort(sorted)
	t.Logf("404 after %v, 99 %% within %v", sorted[len(sorted)/2], sorted[len(sorted)*99/100])
	stats, err := r.Redis.Do("INFO commandstats")
	must(t, err)
	for line := range strings.Lines(stats) {
		name, _, _ := strings.Cut(line, ":")
		switch strings.TrimPrefix(name, "cmdstat_") {
		case "keys", "scan", "sscan", "hscan", "zscan", "smembers":
			t.Errorf("Redis looks through what it holds: %s", line)
		}
	}
	time.Sleep(3 * time.Second)
	unnoticed(t, c, since, 2)
}

// TestLoopers has clients connect and leave as fast as they can: another call notices nothing.
func TestLoopers(t *testing.T) { play(t, loopers) }

func loopers(t *scene) {
	const loopers = 4
	r := start(t, clusterrig.Config{Nodes: 2})
	c := call(t, r)
	since := time.Now()
	var all sync.WaitGroup
	for range loopers {
		all.Go(func() {
			n := 0
			for ; time.Since(since) < 6*time.Second; n++ {
				s, err := r.Stay(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			}
			if n < 5 {
				t.Errorf("it came %d times only", n)
			}
		})
	}
	all.Wait()
	time.Sleep(3 * time.Second)
	unnoticed(t, c, since, 5)
}

// TestRedisLosesWrites kills Redis and has it come back as it was before a call began:
// both calls go on and are found, and no node is given more than it has room for.
func TestRedisLosesWrites(t *testing.T) { play(t, redisLosesWrites) }

func redisLosesWrites(t *scene) {
	const places = 2
	r := start(t, clusterrig.Config{Nodes: 2, Places: places})
	first := call(t, r)
	if _, err := r.Redis.Do("SAVE"); err != nil {
		t.Fatal(err)
	}
	second := call(t, r)
	since := time.Now()
	r.Redis.Kill()
	must(t, r.Redis.Start())
	client := r.Client()
	defer client.Close()
	for _, c := range []*clusterrig.Call{first, second} {
		until(t, "both calls are found", 10*time.Second, func() bool {
			_, err := client.Look(t.Context(), c.Made.Control, &c.Fence)
			return err == nil
		})
	}
	var made []caller.Made
	for range 20 { // where the machine is busy, nodes take fewer than they have places
		if m, err := client.Create(t.Context(), caller.Wanted{From: "en", To: []string{"es"}}); err == nil {
			made = append(made, m)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if len(made) > 2*places-2 {
		t.Errorf("%d sessions and two calls for %d places", len(made), 2*places)
	}
	t.Logf("%d more sessions for %d places", len(made), 2*places-2)
	for _, m := range made {
		must(t, client.End(t.Context(), m.Control))
	}
	for _, c := range []*clusterrig.Call{first, second} {
		unnoticed(t, c, since, 2)
	}
}
