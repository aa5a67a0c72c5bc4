// Package netem is a bad network for tests, in user space and on loopback addresses
// only. Relay, for UDP, loses, delays, reorders, duplicates and squeezes packets between
// any number of clients and one server; what it does to the n-th packet of a direction
// depends on its seed, on n and on the settings alone. TCP delays and breaks connections.
package netem

import "time"

// Direction tells the two ways through a relay apart.
type Direction int

const (
	Up   Direction = iota // from the clients to the server
	Down                  // from the server to the clients
)

func (d Direction) String() string {
	if d == Down {
		return "down"
	}
	return "up"
}

// Faults is what happens to the packets of one direction. Zero harms none.
type Faults struct {
	Loss      float64       // mean share of packets lost, 0..1
	Burst     float64       // mean number of packets lost in a row; up to 1/(1-Loss): each by itself
	Delay     time.Duration // of every packet
	Jitter    time.Duration // added to Delay, uniform from 0 to this
	Reorder   bool          // let packets overtake others by their jitter; else they queue behind
	Duplicate float64       // share of packets that come twice, 0..1
	Rate      int           // bit/s, UDP and IP headers counted; 0: unlimited
	Queue     int           // bytes that may wait for Rate before the tail is dropped; 0: a quarter of a second
}

// Counters tell what became of the packets of one direction.
type Counters struct {
	Received   uint64 // from one end
	Sent       uint64 // to the other, duplicates included
	Lost       uint64 // by Loss
	Blackout   uint64 // during a blackout
	Squeezed   uint64 // did not fit in Queue, or in the relay's own line
	Duplicated uint64
	Reordered  uint64 // sent after one that was received later
	Refused    uint64 // of clients above the relay's limit, or that could not be sent on
}
