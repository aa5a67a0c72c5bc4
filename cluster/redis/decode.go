package redis

import (
	"fmt"
	"strconv"
	"time"

	"livedub/cluster"
)

// unreadable is the error for what no version of this program has written.
func unreadable(what string, got any) error {
	return fmt.Errorf("%w: Redis has an unreadable %s: %.200q: is something else using the same keys?", cluster.ErrUnavailable, what, got)
}

// decodeClaim reads node, boot, fence, cost, address, lost, and the node, boot and address before.
func decodeClaim(session string, got []string) (cluster.Claim, error) {
	if len(got) != 9 {
		return cluster.Claim{}, unreadable("claim", got)
	}
	fence, ferr := whole(got[2], 1<<53)
	cost, cerr := whole(got[3], cluster.Cost(cluster.MaxCost))
	c := cluster.Claim{
		Session: session, Node: got[0], Boot: got[1], Addr: got[4],
		Fence: cluster.Fence(fence), Cost: cluster.Places(cost), Lost: got[5] == "1",
		Before: cluster.Holder{Node: got[6], Boot: got[7], Addr: got[8]},
	}
	if ferr != nil || cerr != nil || cluster.CheckID(session) != nil || cluster.CheckID(c.Node) != nil || cluster.CheckID(c.Boot) != nil {
		return cluster.Claim{}, unreadable("claim", got)
	}
	return c, nil
}

// decodeNode reads a node's hash.
func decodeNode(id string, h map[string]string) (cluster.Status, error) {
	capacity, err1 := whole(h["cap"], cluster.Capacity(cluster.MaxCapacity))
	gpu, err2 := strconv.ParseFloat(h["gpu"], 64)
	memory, err3 := strconv.ParseFloat(h["mem"], 64)
	holds, err4 := whole(h["holds"], 1<<31)
	used, err5 := int64(0), error(nil)
	if u, ok := h["used"]; ok {
		used, err5 = whole(u, 1<<53)
	}
	s := cluster.Status{
		Node: cluster.Node{
			ID: id, Boot: h["boot"], Addr: h["addr"], State: cluster.State(h["state"]),
			Capacity: cluster.Places(capacity), GPU: gpu, Memory: memory, Holds: int(holds),
		},
		Used: cluster.Places(used), Refuse: h["refused"] == "1",
	}
	for _, err := range []error{err1, err2, err3, err4, err5, s.Node.Check()} {
		if err != nil {
			return cluster.Status{}, unreadable("node", h)
		}
	}
	return s, nil
}

// decodePulse reads token, Redis' time, claims, cost.
func decodePulse(got []string, sent time.Time, trip time.Duration) (cluster.Pulse, error) {
	if len(got) != 4 {
		return cluster.Pulse{}, unreadable("heartbeat", got)
	}
	at, err1 := whole(got[1], 1<<53)
	claims, err2 := whole(got[2], 1<<31)
	used, err3 := whole(got[3], 1<<53)
	if err1 != nil || err2 != nil || err3 != nil {
		return cluster.Pulse{}, unreadable("heartbeat", got)
	}
	return cluster.Pulse{
		Claims: int(claims), Used: cluster.Places(used), Trip: trip,
		Offset: time.UnixMicro(at).Sub(sent.Add(trip / 2)),
	}, nil
}

// whole reads 0..most.
func whole(s string, most int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && (n < 0 || n > most) {
		err = strconv.ErrRange
	}
	return n, err
}
