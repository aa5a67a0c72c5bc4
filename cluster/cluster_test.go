package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/clustertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// status returns a serving node with this capacity of which some is used.
func status(id string, places, used float64, change ...func(*cluster.Status)) cluster.Status {
	s := cluster.Status{
		Node: cluster.Node{ID: id, Boot: "1", Addr: "http://" + id + ":80", State: cluster.Serving, Capacity: places},
		Used: used,
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

func TestChoose(t *testing.T) {
	busy := func(gpu, memory float64) func(*cluster.Status) {
		return func(s *cluster.Status) { s.GPU, s.Memory = gpu, memory }
	}
	state := func(st cluster.State) func(*cluster.Status) { return func(s *cluster.Status) { s.State = st } }
	dead := func(s *cluster.Status) { s.Dead = true }
	for _, tt := range []struct {
		name         string
		nodes        []cluster.Status
		cost         float64
		not          string
		spread, pack string
	}{
		{name: "none", cost: 1},
		{name: "most and least left", nodes: []cluster.Status{status("a", 4, 1), status("b", 9, 7), status("c", 2, .5)}, cost: 1, spread: "a", pack: "c"},
		{name: "a dear one", nodes: []cluster.Status{status("a", 4, 1), status("b", 9, 7), status("c", 2, .5)}, cost: 1.75, spread: "a", pack: "b"},
		{name: "too dear", nodes: []cluster.Status{status("a", 4, 1), status("b", 9, 7)}, cost: 3.001},
		{name: "just enough", nodes: []cluster.Status{status("a", 4, 1)}, cost: 3, spread: "a", pack: "a"},
		{name: "sums of thousandths", nodes: []cluster.Status{status("a", .3, .1)}, cost: .2, spread: "a", pack: "a"},
		{name: "overfull", nodes: []cluster.Status{status("a", 1, 5)}, cost: .001},
		{name: "GPU", nodes: []cluster.Status{status("a", 2, 0, busy(.9, .1)), status("b", 2, 0, busy(.5, .4)), status("c", 2, 0, busy(.6, 0))}, cost: 1, spread: "b", pack: "b"},
		{name: "memory", nodes: []cluster.Status{status("a", 2, 0, busy(0, .7)), status("b", 2, 0, busy(0, .8))}, cost: 1, spread: "a", pack: "a"},
		{name: "an idle GPU is no room", nodes: []cluster.Status{status("a", 3, 0, busy(1, 1)), status("b", 2, 0)}, cost: 1, spread: "a", pack: "b"},
		{name: "alike", nodes: []cluster.Status{status("b", 2, 0), status("c", 2, 0), status("a", 2, 0)}, cost: 1, spread: "c", pack: "c"},
		{name: "left out", nodes: []cluster.Status{status("b", 2, 0), status("c", 2, 0)}, cost: 1, not: "c", spread: "b", pack: "b"},
		{name: "draining, warming, dead, unknown", nodes: []cluster.Status{
			status("a", 9, 0, state(cluster.Draining)), status("b", 9, 0, state(cluster.Warming)), status("c", 9, 0, dead),
			status("d", 9, 0, func(s *cluster.Status) { s.Holds = 1 }), status("e", 1, 0),
		}, cost: 1, spread: "e", pack: "e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for policy, want := range map[cluster.Policy]string{cluster.Spread: tt.spread, cluster.Pack: tt.pack} {
				got, ok := cluster.Choose(policy, tt.nodes, tt.cost, tt.not)
				if got.ID != want || ok != (want != "") {
					t.Errorf("%s: %q, %v, want %q", policy, got.ID, ok, want)
				}
			}
		})
	}
}

func TestCost(t *testing.T) {
	plain := cluster.DefaultPrices.Cost(cluster.Work{Languages: 1})
	if plain != 1 {
		t.Errorf("a plain session takes %v places", plain)
	}
	if none := cluster.DefaultPrices.Cost(cluster.Work{}); none != plain {
		t.Errorf("one without languages takes %v", none)
	}
	dearer := []cluster.Work{{Languages: 2}, {Languages: 1, Lips: true}, {Languages: 1, NeuralVoice: true}}
	for _, w := range dearer {
		if c := cluster.DefaultPrices.Cost(w); c <= plain {
			t.Errorf("%+v takes %v places, no more than a plain one", w, c)
		}
	}
	two := cluster.DefaultPrices.Cost(cluster.Work{Languages: 2, Lips: true, NeuralVoice: true})
	if want := .46 + 2*(.54+.22+.8); two < want-1e-9 || two > want+1e-9 {
		t.Errorf("two languages with lips and neural voices take %v, want %v", two, want)
	}
	p := cluster.Prices{Session: 1, Hearing: .5}
	if c := p.Cost(cluster.Work{NeuralHearing: true, Languages: 3}); c != 1.5 {
		t.Errorf("hearing is paid once: %v", c)
	}
	if c := cluster.DefaultPrices.Cost(cluster.Work{Languages: 1 << 40}); c != cluster.MaxCost {
		t.Errorf("%v, want %v at most", c, cluster.MaxCost)
	}
}

func TestThousandths(t *testing.T) {
	for _, tt := range []struct {
		places         float64
		cost, capacity int64
	}{{0, 0, 0}, {1, 1000, 1000}, {.1 + .2, 300, 300}, {.0001, 1, 0}, {1.9999, 2000, 1999}, {1000, 1000000, 1000000}} {
		if a, b := cluster.Cost(tt.places), cluster.Capacity(tt.places); a != tt.cost || b != tt.capacity {
			t.Errorf("%v: cost %d, capacity %d, want %d, %d", tt.places, a, b, tt.cost, tt.capacity)
		}
	}
	for n := range int64(5000) {
		if p := cluster.Places(n); cluster.Cost(p) != n || cluster.Capacity(p) != n {
			t.Fatalf("%d thousandths are %d and %d", n, cluster.Cost(p), cluster.Capacity(p))
		}
	}
}

func TestLiarsAreRefused(t *testing.T) {
	for _, n := range clustertest.Liars() {
		if err := n.Check(); !errors.Is(err, cluster.ErrNode) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	good := status("a", cluster.MaxCapacity, 0).Node
	good.GPU, good.Memory = 1, 1
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		err error
		ok  bool
	}{{cluster.ErrFull, true}, {fmt.Errorf("x: %w", cluster.ErrUnavailable), true}, {cluster.ErrStale, false}, {nil, false}} {
		if d, ok := cluster.RetryAfter(tt.err); ok != tt.ok || ok != (d >= time.Second) {
			t.Errorf("%v: %v, %v", tt.err, d, ok)
		}
	}
}

func FuzzCheckID(f *testing.F) {
	for _, s := range []string{"", "a", "a}b", "8f14e45f-ceea-4c3a", "n:1", strings.Repeat("x", 65)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if cluster.CheckID(id) == nil && (id == "" || len(id) > 64 || strings.ContainsAny(id, "{}:* \x00\n/%?#\"")) {
			t.Errorf("%q passes", id)
		}
	})
}
