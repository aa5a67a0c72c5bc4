package link

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"livedub/media"
	"livedub/media/packets"
)

// SenderConfig says what is sent, and by whom.
type SenderConfig struct {
	Key      []byte // that nodes derive from the cluster's secret for links
	Hello    Hello
	Now      func() time.Duration // the session clock
	Keyframe func()               // asks the speaker for one; it must not block
}

// Sender is the end of a link at the node that has the speaker. Nothing but Close
// waits for the network.
type Sender struct {
	cfg   SenderConfig
	conn  net.Conn
	queue *packets.Queue
	ready chan struct{}
	unfit atomic.Uint64 // packets that no link carries
	said  atomic.Bool   // bye: the receiver hangs up then

	life context.Context
	end  context.CancelCauseFunc // says why it is over
	wg   sync.WaitGroup

	mu     sync.Mutex
	tracks []media.Track // not sent yet
}

// Send opens a link by conn, which it owns from then on. It returns once the other
// node has opened the session, with ErrRefused where that does not.
func Send(ctx context.Context, conn net.Conn, c SenderConfig) (*Sender, error) {
	if err := c.Hello.Check(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	secured, err := secure(ctx, conn, c.Key, sends)
	if err != nil {
		return nil, err
	}
	s := &Sender{cfg: c, conn: secured, ready: make(chan struct{})}
	s.queue = packets.NewQueue(queuePackets, queueBytes, func() { s.cfg.Keyframe() })
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = s.open()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	if s.cfg.Keyframe == nil {
		s.cfg.Keyframe = func() {}
	}
	s.life, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	s.wg.Go(func() {
		if err := s.write(); err != nil {
			s.end(err)
		}
	})
	s.wg.Go(func() { s.end(s.read()) })
	context.AfterFunc(s.life, func() { conn.Close() }) // ends whoever waits for the network
	return s, nil
}

// maxPings is how often a receiver may ask for the clock.
const maxPings = 64

// open says hello, tells the clock, and waits until the session is open.
func (s *Sender) open() error {
	if err := s.conn.SetDeadline(time.Now().Add(opening)); err != nil {
		return err
	}
	said, err := json.Marshal(s.cfg.Hello)
	if err != nil {
		return err
	}
	if _, err := s.conn.Write(appendMessage(nil, hello, said)); err != nil {
		return err
	}
	for range maxPings {
		k, body, err := readMessage(s.conn)
		switch {
		case err != nil:
			return err
		case k == ping && len(body) == longest[ping]:
			answer := binary.BigEndian.AppendUint64(body, uint64(s.cfg.Now()))
			if _, err := s.conn.Write(appendMessage(nil, pong, answer)); err != nil {
				return err
			}
		case k == accept:
			return nil
		case k == refuse:
			return fmt.Errorf("%w: %s", ErrRefused, body)
		default:
			return fmt.Errorf("%w: kind %d before the session is open", ErrProtocol, k)
		}
	}
	return fmt.Errorf("%w: too many pings", ErrProtocol)
}

// Track tells of a track that begins, before its first packet.
func (s *Sender) Track(t media.Track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = append(s.tracks, t)
}

// Write queues a packet. It never blocks: where the other node or the network is too
// slow, packets are dropped up to the next keyframe.
func (s *Sender) Write(p media.Packet) {
	if checkPacket(p) != nil {
		s.unfit.Add(1)
		return
	}
	s.queue.Push(p)
}

// Dropped returns how many packets were not sent.
func (s *Sender) Dropped() uint64 { return s.queue.Drops() + s.unfit.Load() }

// Ready is closed when the other node's session has come to the present.
func (s *Sender) Ready() <-chan struct{} { return s.ready }

// Done is closed when the link is over. Err says why.
func (s *Sender) Done() <-chan struct{} { return s.life.Done() }

// Err returns why the link is over: ErrReplaced, ErrEnded, or what broke it; nil
// after Close, and while it goes on.
func (s *Sender) Err() error {
	if err := context.Cause(s.life); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Close sends what is queued, for a moment, says that the speaker has ended, and
// waits for all of the link.
func (s *Sender) Close() {
	s.queue.Close()
	select {
	case <-s.life.Done():
	case <-time.After(farewell):
	}
	s.end(nil)
	s.wg.Wait()
}

// write sends what is queued until the queue is closed.
func (s *Sender) write() error {
	var out []byte
	for {
		p, err := s.next()
		switch {
		case err == nil:
			out = s.appendTracks(out[:0])
			out = appendPacket(out, p)
		case errors.Is(err, io.EOF):
			s.said.Store(true)
			return s.send(appendMessage(out[:0], bye, []byte(byeEnded)))
		case errors.Is(err, context.DeadlineExceeded):
			out = appendMessage(out[:0], beat, nil)
		default:
			return err
		}
		if err := s.send(out); err != nil {
			return err
		}
		if cap(out) > maxPacket/8 { // of a keyframe that is one in a thousand
			out = nil
		}
	}
}

// next returns the next packet, with DeadlineExceeded where none has come for a while.
func (s *Sender) next() (media.Packet, error) {
	ctx, cancel := context.WithTimeout(s.life, beatEvery)
	defer cancel()
	return s.queue.Pop(ctx)
}

func (s *Sender) appendTracks(out []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tracks {
		if said, err := json.Marshal(t); err == nil && checkTrack(t) == nil {
			out = appendMessage(out, track, said)
		}
	}
	s.tracks = nil
	return out
}

func (s *Sender) send(b []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(silence)) // fails with the write
	_, err := s.conn.Write(b)
	return err
}

// read takes what the other node says until it hangs up.
func (s *Sender) read() error {
	told := false
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(silence)) // fails with the read
		k, body, err := readMessage(s.conn)
		switch {
		case err != nil && s.said.Load():
			return nil
		case err != nil:
			return fmt.Errorf("link: the other node is gone: %w", err)
		case k == beat:
		case k == keyframe:
			s.cfg.Keyframe()
		case k == ready && !told:
			told = true
			close(s.ready)
		case k == bye && string(body) == byeReplaced:
			return ErrReplaced
		case k == bye:
			return ErrEnded
		default:
			return fmt.Errorf("%w: kind %d", ErrProtocol, k)
		}
	}
}
