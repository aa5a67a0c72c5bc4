// Package cluster says where sessions live when several nodes carry them: the
// words, the rules and the choice of a node. What keeps the record is a
// Registry (cluster/memory for one process, cluster/redis for many).
//
// A session has at most one holder. Each claim has a fence, a number that only
// rises: whoever acts for a session shows its fence, and what shows an old one is
// refused. So a node that was thought dead cannot act for a session that has gone
// elsewhere (docs/decisions/0045-fences-and-redis.md).
package cluster

import (
	"context"
	"time"
)

// State is what a node takes.
type State string

const (
	Warming  State = "warming"  // not ready yet: takes nothing
	Serving  State = "serving"  // takes sessions
	Draining State = "draining" // about to go: takes nothing more
)

// Node is what a node tells of itself in each heartbeat.
type Node struct {
	ID       string  // its name in the cluster: see CheckID
	Boot     string  // names this run of its process, so that a successor is told apart: see CheckID
	Addr     string  // where gateways reach it: http:// or https:// and host:port, 256 bytes at most
	State    State   // what it takes
	Capacity float64 // measured, in places (see Prices): 0..MaxCapacity
	GPU      float64 // in use: 0..1; 0 without a GPU
	Memory   float64 // in use: 0..1
	Holds    int     // how many sessions it carries; it is given none while the registry knows fewer
}

// Pulse is the answer to a heartbeat.
type Pulse struct {
	Claims int           // sessions that the registry has at this node, unconfirmed ones included
	Used   float64       // their cost in places
	Offset time.Duration // what to add to this machine's clock to have the registry's, good to half of Trip
	Trip   time.Duration // round trip of the heartbeat
}

// Status is a node as the registry knows it.
type Status struct {
	Node
	Claims int           // sessions at it
	Used   float64       // their cost in places
	Age    time.Duration // since its last heartbeat
	Dead   bool          // not heard of for Rules.Dead
	Refuse bool          // it has refused a session since its last heartbeat: see Ask.Refused
}

// Fence numbers claims. A later claim of any session has a higher one, also after
// a registry has lost its newest entries: it is never below the registry's clock
// in microseconds since 1970. It is below 2^53, so that JavaScript can hold it.
type Fence int64

// Claim says which node holds a session.
type Claim struct {
	Session string
	Node    string
	Boot    string // the run of the node that was given the session
	Addr    string // of the node, also of one that is lost
	Fence   Fence
	Cost    float64 // in places
	Lost    bool    // the registry has not heard of the node for Rules.Dead, or it left: Move it if it is gone
	Before  Holder  // who held it until it was moved here; zero for nobody
}

// Holder is a run of a node that has, or had, a session.
type Holder struct{ Node, Boot, Addr string }

// Ask is a session that wants a place.
type Ask struct {
	Session string  // see CheckID
	Cost    float64 // in places (see Prices): above 0, MaxCost at most
	Refused bool    // Move only: its holder has refused it, and is given nothing more until its next heartbeat
	To      Holder  // Move only: a run that has carried it all along and keeps it, whatever it takes; zero for the registry's choice
}

// Registry is the cluster's record. Each method is one atomic step, safe for
// concurrent use, and fails with ErrUnavailable where the record cannot be
// reached or written: what runs goes on then, nothing new is claimed.
type Registry interface {
	// Beat renews a node. It is renewed only when its own last ping came back: a node
	// that can write to the registry and hears no answer counts as dead. It fails with
	// ErrNode for what a node cannot be, with ErrTaken while another process lives
	// under its name.
	Beat(ctx context.Context, n Node) (Pulse, error)
	// Leave takes a node out at once. Claims that it still has are lost.
	Leave(ctx context.Context, node, boot string) error

	// Place claims a place at a serving node that lives, by the rules' Policy. It fails
	// with ErrFull, and for a session that has a claim with ErrClaimed, beside that claim.
	// Unless the node confirms it by Hold within Rules.Confirm the claim ends.
	Place(ctx context.Context, a Ask) (Claim, error)
	// Find returns the claim of a session. It fails with ErrUnknown.
	Find(ctx context.Context, session string) (Claim, error)
	// Move fences the holder that has the fence `seen`, and claims a place at another
	// node. Of several that have seen the same, one moves the session; the others get
	// ErrStale beside the claim that holds. ErrFull leaves all as it was. It fails with
	// ErrNode where Ask.To is not known.
	Move(ctx context.Context, a Ask, seen Fence) (Claim, error)
	// Hold proves to the node that it still holds a session, and enters the claim again
	// if the registry lost it. ErrStale: it must stop acting for the session. ErrNode:
	// the node is not known, Beat first. Session, Node, Boot, Fence and Cost are read.
	Hold(ctx context.Context, c Claim) error
	// Release ends a claim; none is fine. It fails with ErrStale for another fence.
	Release(ctx context.Context, session string, f Fence) error

	// Reap takes out dead nodes and unconfirmed claims, a bounded number a call, and
	// returns the claims that were lost with a node, each to one caller. The claims can
	// still be moved, and their node can come back and hold them, for Rules.Keep.
	Reap(ctx context.Context) ([]Claim, error)
	// Deaths returns how many nodes were found dead since any member asked last, and not
	// longer than Rules.Keep ago: each death is told to one caller.
	Deaths(ctx context.Context) (int, error)
	// Nodes lists the nodes by ID, dead ones until they are reaped. It reads them all.
	Nodes(ctx context.Context) ([]Status, error)
	// Close lets go of connections.
	Close() error
}

// MaxCheckpoint is how many bytes the checkpoint of a session may have.
const MaxCheckpoint = 64 << 10

// Checkpoints keep what another node needs to carry a session on, for Rules.Keep
// after the last write. Parts are opaque and come back in order.
type Checkpoints interface {
	// Append adds a part. It fails with ErrStale where a higher fence has written or
	// the session was erased, with ErrTooBig above MaxCheckpoint: Replace it then.
	Append(ctx context.Context, session string, f Fence, part []byte) error
	// Replace puts part in place of all parts. It fails as Append does.
	Replace(ctx context.Context, session string, f Fence, part []byte) error
	// Load returns all parts and the fence that wrote the last. It fails with ErrUnknown.
	Load(ctx context.Context, session string) ([][]byte, Fence, error)
	// Erase forgets a session's checkpoint, and what is still on its way.
	Erase(ctx context.Context, session string) error
}
