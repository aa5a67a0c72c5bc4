package cluster

// Policy is how sessions are spread over nodes.
type Policy string

const (
	Spread Policy = "spread" // to the node with the most left: each has room for bursts
	Pack   Policy = "pack"   // to the node with the least left that suffices: others fall empty and can be stopped
)

// Choose returns the node for a session of this cost among those alive, and false
// if none has room. `not` is left out. Nodes with equally much left are told apart
// by GPU and memory (the busier of both counts, less is better), then by name, the
// last one first.
func Choose(p Policy, alive []Status, cost float64, not string) (Status, bool) {
	var best Status
	found := false
	need := Cost(cost)
	for _, n := range alive {
		if n.Dead || n.ID == not || !n.Takes() || n.left() < need {
			continue
		}
		if !found || better(p, n, best) {
			best, found = n, true
		}
	}
	return best, found
}

// Takes tells whether the node can be given sessions, whatever room it has: it
// serves, has refused none, and the registry knows all that it holds.
func (n Status) Takes() bool { return n.State == Serving && !n.Refuse && n.Claims >= n.Holds }

// Headroom returns how idle the GPU and the memory are, the busier of both: 0
// (busy) to 999.
func (n Node) Headroom() int64 { return int64((1 - max(n.GPU, n.Memory)) * 999) }

// left returns thousandths of a place.
func (n Status) left() int64 { return Capacity(n.Capacity) - Cost(n.Used) }

func better(p Policy, a, b Status) bool {
	if x, y := a.left(), b.left(); x != y {
		return (x > y) == (p != Pack)
	}
	if x, y := a.Headroom(), b.Headroom(); x != y {
		return x > y
	}
	return a.ID > b.ID
}
