package link

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"livedub/media"
	"livedub/media/packets"
)

// Receiver is the end of a link at the node that the session goes to. Once accepted,
// it is the session's publisher until the speaker comes.
type Receiver struct {
	conn  net.Conn
	hello Hello
	zero  time.Time     // when the sender's session clock read zero
	trip  time.Duration // round trip of the ping that told it
	began time.Duration // on that clock, when the link was opened
	queue *packets.Queue
	out   chan outgoing
	first chan struct{} // closed with the first packet

	life context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu     sync.Mutex
	tracks []media.Track
	heard  time.Time     // when the last packet came
	come   bool          // first is closed
	key    time.Duration // of the first keyframe that was read; valid if keyed
	keyed  bool
	to     time.Duration // the latest packet that was read
}

// outgoing is a message to the sender.
type outgoing struct {
	kind kind
	body string
}

// pings is how often the sender's clock is asked for: the shortest round trip tells it best.
const pings = 5

// Receive takes a link that comes by conn, which it owns from then on. Accept or
// Refuse follows. It fails with ErrSecret for who does not know the key.
func Receive(ctx context.Context, conn net.Conn, key []byte) (*Receiver, error) {
	secured, err := secure(ctx, conn, key, receives)
	if err != nil {
		return nil, err
	}
	r := &Receiver{conn: secured, out: make(chan outgoing, 8), first: make(chan struct{})}
	r.queue = packets.NewQueue(queuePackets, queueBytes, func() { r.post(outgoing{kind: keyframe}) })
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = r.greet()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	r.life, r.end = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(r.life, func() { conn.Close() }) // ends whoever waits for the network
	return r, nil
}

// greet reads the hello and the sender's clock.
func (r *Receiver) greet() error {
	if err := r.conn.SetDeadline(time.Now().Add(handshake)); err != nil {
		return err
	}
	k, body, err := readMessage(r.conn)
	switch {
	case err != nil:
		return err
	case k != hello:
		return fmt.Errorf("%w: kind %d instead of a hello", ErrProtocol, k)
	}
	if r.hello, err = parseHello(body); err != nil {
		return err
	}
	r.tracks = slices.Clone(r.hello.Tracks)
	for i := range uint64(pings) {
		if err := r.ask(i); err != nil {
			return err
		}
	}
	r.began = r.Now()
	return nil
}

// ask has the sender tell its clock once.
func (r *Receiver) ask(n uint64) error {
	sent := time.Now()
	if _, err := r.conn.Write(appendMessage(nil, ping, binary.BigEndian.AppendUint64(nil, n))); err != nil {
		return err
	}
	k, body, err := readMessage(r.conn)
	switch {
	case err != nil:
		return err
	case k != pong || len(body) != longest[pong] || binary.BigEndian.Uint64(body) != n:
		return fmt.Errorf("%w: kind %d of %d bytes instead of the clock", ErrProtocol, k, len(body))
	}
	trip, told := time.Since(sent), time.Duration(binary.BigEndian.Uint64(body[8:]))
	if told < 0 || told > maxTime {
		return fmt.Errorf("%w: a session clock of %v", ErrProtocol, told)
	}
	if r.zero.IsZero() || trip < r.trip {
		r.trip, r.zero = trip, sent.Add(trip/2-told)
	}
	return nil
}

// Hello returns what the link is about.
func (r *Receiver) Hello() Hello { return r.hello }

// Now returns the time of the sender's session clock, good to half of Trip.
func (r *Receiver) Now() time.Duration { return time.Since(r.zero) }

// Trip returns the shortest round trip that was seen.
func (r *Receiver) Trip() time.Duration { return r.trip }

// Refuse tells the sender that its session is not taken, and ends the link.
func (r *Receiver) Refuse(why string) {
	_ = r.conn.SetDeadline(time.Now().Add(farewell)) // fails with the write
	_, _ = r.conn.Write(appendMessage(nil, refuse, []byte(why)[:min(len(why), maxText)]))
	r.end()
}

// Accept tells the sender that its session is open here. Packets come from then on.
func (r *Receiver) Accept() error {
	_ = r.conn.SetDeadline(time.Now().Add(silence)) // fails with the write
	if _, err := r.conn.Write(appendMessage(nil, accept, nil)); err != nil {
		r.end()
		return err
	}
	r.heard = time.Now()
	r.wg.Go(func() {
		if r.write() != nil {
			r.end()
		}
	})
	r.wg.Go(func() {
		defer r.end()
		defer r.queue.Close()
		r.read()
	})
	return nil
}

// read takes the sender's messages until it says bye, hangs up, or sends what it should not.
func (r *Receiver) read() {
	for {
		_ = r.conn.SetReadDeadline(time.Now().Add(silence)) // fails with the read
		k, body, err := readMessage(r.conn)
		if err != nil {
			return
		}
		switch k {
		case beat:
		case packet:
			p, err := parsePacket(body)
			if err != nil {
				return
			}
			r.came()
			r.queue.Push(p)
		case track:
			t, err := parseTrack(body)
			if err != nil {
				return
			}
			r.enter(t)
		default:
			return
		}
	}
}

func (r *Receiver) came() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = time.Now()
	if !r.come {
		r.come = true
		close(r.first)
	}
}

// enter makes a track known, the first of its kind.
func (r *Receiver) enter(t media.Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if media.FindTrack(r.tracks, t.Kind) == nil {
		r.tracks = append(r.tracks, t)
	}
}

// post queues a message. One more than the queue holds is not worth waiting for.
func (r *Receiver) post(o outgoing) {
	select {
	case r.out <- o:
	default:
	}
}

// write sends what is queued, the bye last: the sender hangs up then.
func (r *Receiver) write() error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		o := outgoing{kind: beat}
		select {
		case o = <-r.out:
		case <-tick.C:
		case <-r.life.Done():
			return nil
		}
		_ = r.conn.SetWriteDeadline(time.Now().Add(silence)) // fails with the write
		if _, err := r.conn.Write(appendMessage(nil, o.kind, []byte(o.body))); err != nil || o.kind == bye {
			return err
		}
	}
}

// Tracks returns what the speaker has sent so far.
func (r *Receiver) Tracks() []media.Track {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tracks)
}

// Ready waits for the first packet.
func (r *Receiver) Ready(ctx context.Context) error {
	select {
	case <-r.first:
		return nil
	case <-r.life.Done():
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read returns the next packet, with its time on the sender's session clock; io.EOF
// once the link is over. One caller at a time.
func (r *Receiver) Read(ctx context.Context) (media.Packet, error) {
	p, err := r.queue.Pop(ctx)
	if err != nil {
		return p, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = max(r.to, p.PTS)
	if p.Kind == media.Video && p.Key && !r.keyed {
		r.keyed, r.key = true, p.PTS
	}
	return p, nil
}

// Silent returns how long no packet has come.
func (r *Receiver) Silent() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.heard)
}

// Done is closed when the link is over.
func (r *Receiver) Done() <-chan struct{} { return r.life.Done() }

const (
	caughtEvery = 20 * time.Millisecond
	almost      = 200 * time.Millisecond // sound and frames are on their way for less
	patience    = 3 * time.Second        // for a keyframe beyond the delay, and for any packet
)

// Caught waits until the session that reads here is where the sender's is: at the
// present, and with a frame to show, which is delay after the time of the first
// keyframe. A speaker who sends no frames, or nothing, is not waited for.
func (r *Receiver) Caught(ctx context.Context, delay time.Duration) error {
	tick := time.NewTicker(caughtEvery)
	defer tick.Stop()
	for !r.caught(delay) {
		select {
		case <-tick.C:
		case <-r.life.Done():
			return io.EOF
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (r *Receiver) caught(delay time.Duration) bool {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case now-r.began > delay+patience, !r.come && now-r.began > patience:
		return true
	case !r.come || r.to < r.began-almost:
		return false
	case media.FindTrack(r.tracks, media.Video) == nil:
		return true
	}
	return r.keyed && now >= r.key+delay
}

// TellReady tells the sender that its listeners may come here.
func (r *Receiver) TellReady() { r.post(outgoing{kind: ready}) }

// Replaced ends the link and tells the sender that the speaker is here now.
func (r *Receiver) Replaced() { r.leave(byeReplaced) }

// Close ends the link with the session, and waits for all of it.
func (r *Receiver) Close() error {
	r.leave(byeEnded)
	return nil
}

func (r *Receiver) leave(why string) {
	r.post(outgoing{bye, why})
	select {
	case <-r.life.Done():
	case <-time.After(farewell):
		r.end()
	}
	r.wg.Wait()
}
