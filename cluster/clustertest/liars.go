package clustertest

import (
	"math"
	"strings"

	"livedub/cluster"
)

func nan() float64 { return math.NaN() }

// Liars returns nodes that must be refused.
func Liars() []cluster.Node {
	lie := func(f func(*cluster.Node)) cluster.Node {
		n := node("liar", 1)
		f(&n)
		return n
	}
	var out []cluster.Node
	for _, x := range []float64{-1, -1e-9, nan(), math.Inf(1), math.Inf(-1), cluster.MaxCapacity + 1, 1e18} {
		out = append(out,
			lie(func(n *cluster.Node) { n.Capacity = x }),
			lie(func(n *cluster.Node) { n.GPU = x }),
			lie(func(n *cluster.Node) { n.Memory = x }))
	}
	for _, id := range []string{"", "a b", "a:b", "{a}", "a\n", "é", strings.Repeat("a", 65)} {
		out = append(out, lie(func(n *cluster.Node) { n.ID = id }), lie(func(n *cluster.Node) { n.Boot = id }))
	}
	for _, addr := range []string{"", "n1:8080", "ftp://n1", "http://", "http://n1:80\n", "http://" + strings.Repeat("a", 260)} {
		out = append(out, lie(func(n *cluster.Node) { n.Addr = addr }))
	}
	return append(out, lie(func(n *cluster.Node) { n.State = "" }), lie(func(n *cluster.Node) { n.State = "busy" }), lie(func(n *cluster.Node) { n.Holds = -1 }))
}
