package file

// queueSpan and queueLen bound how long a track waits for the other one, in
// nanoseconds of decoding time and in packets.
const (
	queueSpan = 2_000_000_000
	queueLen  = 512
)

// entry is a packet in the ticks of its track.
type entry struct {
	pts, dts, duration int64 // duration 0: unknown
	when               int64 // dts in nanoseconds: what tracks are compared by
	key                bool
	data               []byte
}

// queue puts the packets of a file's tracks into one order of decoding, and
// holds each back until the one after it tells how long it lasts.
type queue struct {
	tracks [][]entry
	last   []int64 // duration of each track's packet before
}

func newQueue(tracks int) *queue {
	return &queue{tracks: make([][]entry, tracks), last: make([]int64, tracks)}
}

func (q *queue) push(track int, e entry) { q.tracks[track] = append(q.tracks[track], e) }

// pop returns the next packet to write. While the end is not reached, it waits
// for the other tracks as long as the bounds allow.
func (q *queue) pop(end bool) (track int, e entry, ok bool) {
	track, waits := -1, false
	for i, t := range q.tracks {
		switch {
		case len(t) == 0:
			waits = true
		case track < 0 || t[0].when < q.tracks[track][0].when:
			track = i
		}
	}
	if track < 0 {
		return 0, e, false
	}
	t := q.tracks[track]
	full := len(t) > queueLen || t[len(t)-1].when-t[0].when > queueSpan
	if !end && (len(t) < 2 || waits && !full) {
		// Another track may stand still with one packet while this one fills.
		return q.popFull()
	}
	return track, q.take(track), true
}

// popFull returns the head of a track that may not wait any longer.
func (q *queue) popFull() (track int, e entry, ok bool) {
	for i, t := range q.tracks {
		if len(t) > queueLen || len(t) > 1 && t[len(t)-1].when-t[0].when > queueSpan {
			return i, q.take(i), true
		}
	}
	return 0, e, false
}

// take removes a track's head and settles its duration: the distance to its
// successor, or for the last its own, or the distance before.
func (q *queue) take(track int) entry {
	t := q.tracks[track]
	e := t[0]
	t[0].data = nil
	q.tracks[track] = t[1:]
	switch {
	case len(t) > 1:
		e.duration = t[1].dts - e.dts
	case e.duration <= 0:
		e.duration = max(q.last[track], 1)
	}
	q.last[track] = e.duration
	return e
}
