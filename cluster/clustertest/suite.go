// Package clustertest holds what every registry must do.
package clustertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"livedub/cluster"
)

// Registry is what members of a cluster share.
type Registry interface {
	cluster.Registry
	cluster.Checkpoints
}

// Ground is one empty cluster.
type Ground struct {
	Open    func() Registry     // another member, with connections of its own
	Advance func(time.Duration) // lets the registry's clock go on
}

// Start makes a Ground with these rules, for the length of a test.
type Start func(t *testing.T, rules cluster.Rules) Ground

// Test runs all tests.
func Test(t *testing.T, start Start) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, Start)
	}{
		{"Chooses", chooses},
		{"ChoosesAsStated", choosesAsStated},
		{"RacesForTheLastPlaces", races},
		{"OneMovesFromADeadNode", oneMoves},
		{"FullMoveChangesNothing", fullMove},
		{"GoesBackToWhoCarriesIt", goesBack},
		{"StoppedNodeFindsItsFenceStale", stoppedNode},
		{"ReturningNodeTakesUpItsClaims", returningNode},
		{"RefusingNodeIsLeftAlone", refusing},
		{"ReapsOnce", reapsOnce},
		{"TellsOfDeathsOnce", deathsOnce},
		{"SilenceOfAllProvesNothing", silence},
		{"UnconfirmedClaimsEnd", unconfirmed},
		{"LostClaimsAreEnteredAgain", enteredAgain},
		{"RefusesLies", lies},
		{"RefusesForgedFences", forged},
		{"OneProcessUnderAName", oneName},
		{"MovesToASuccessor", successor},
		{"EndsOnce", endsOnce},
		{"Lists", lists},
		{"Checkpoints", checkpoints},
		{"CheckpointsAreFenced", checkpointFences},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, start) })
	}
}

// member is a registry whose failures end the test.
type member struct {
	Registry
	t *testing.T
}

func open(t *testing.T, g Ground) member {
	r := g.Open()
	t.Cleanup(func() { r.Close() })
	return member{r, t}
}

// node returns a serving node with this capacity.
func node(id string, places float64) cluster.Node {
	return cluster.Node{ID: id, Boot: id + "-1", Addr: "http://" + id + ":8080", State: cluster.Serving, Capacity: places}
}

func (m member) beat(nodes ...cluster.Node) cluster.Pulse {
	m.t.Helper()
	var p cluster.Pulse
	for _, n := range nodes {
		var err error
		if p, err = m.Beat(m.t.Context(), n); err != nil {
			m.t.Fatalf("beat of %s: %v", n.ID, err)
		}
	}
	return p
}

func (m member) place(session string, cost float64) cluster.Claim {
	m.t.Helper()
	c, err := m.Place(m.t.Context(), cluster.Ask{Session: session, Cost: cost})
	if err != nil {
		m.t.Fatalf("place %s: %v", session, err)
	}
	return c
}

func (m member) find(session string) cluster.Claim {
	m.t.Helper()
	c, err := m.Find(m.t.Context(), session)
	if err != nil {
		m.t.Fatalf("find %s: %v", session, err)
	}
	return c
}

func (m member) hold(c cluster.Claim) {
	m.t.Helper()
	if err := m.Hold(m.t.Context(), c); err != nil {
		m.t.Fatalf("hold %+v: %v", c, err)
	}
}

func (m member) status(id string) cluster.Status {
	m.t.Helper()
	return StatusOf(m.t, m, id)
}

// StatusOf returns what a registry knows of a node, the zero Status of one that it does not know.
func StatusOf(t *testing.T, r cluster.Registry, id string) cluster.Status {
	t.Helper()
	list, err := r.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.ID == id {
			return s
		}
	}
	return cluster.Status{}
}

// wants fails the test unless err is of this kind.
func wants(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

// pass lets time go on while these nodes beat and somebody reaps, as members do.
func (m member) pass(g Ground, d time.Duration, beating ...cluster.Node) (lost []cluster.Claim) {
	m.t.Helper()
	for ; d > 0; d -= time.Second {
		g.Advance(min(d, time.Second))
		m.beat(beating...)
		more, err := m.Reap(m.t.Context())
		if err != nil {
			m.t.Fatal(err)
		}
		lost = append(lost, more...)
	}
	return lost
}

// tick is pass without a Reap: somebody else is heard.
func (m member) tick(g Ground, d time.Duration, beating ...cluster.Node) {
	m.t.Helper()
	for ; d > 0; d -= time.Second {
		g.Advance(min(d, time.Second))
		m.beat(beating...)
	}
}

// all runs f n times at once and returns the results.
func all[T any](n int, f func(i int) T) []T {
	out := make([]T, n)
	done := make(chan struct{})
	start := make(chan struct{})
	for i := range n {
		go func() {
			<-start
			out[i] = f(i)
			done <- struct{}{}
		}()
	}
	close(start)
	for range n {
		<-done
	}
	return out
}

type result struct {
	cluster.Claim
	err error
}

func placed(ctx context.Context, r Registry, session string, cost float64) result {
	c, err := r.Place(ctx, cluster.Ask{Session: session, Cost: cost})
	return result{c, err}
}

func sid(i int) string { return fmt.Sprintf("s%03d", i) }
