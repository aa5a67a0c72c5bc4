package srt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"livedub/media"
	"livedub/media/mpegts"
)

// PushOptions are what a listener elsewhere wants to know of a stream.
type PushOptions struct {
	StreamID   string
	Passphrase string        // "" for none
	Latency    time.Duration // for which lost packets are sent again; 0: 120 ms
}

// Limits of the protocol.
const (
	MostStreamID   = gosrt.MAX_STREAMID_SIZE
	ShortestSecret = gosrt.MIN_PASSPHRASE_SIZE
	LongestSecret  = gosrt.MAX_PASSPHRASE_SIZE - 1
	LongestLatency = 10 * time.Second
)

// RefusedError is why a listener does not take a stream.
type RefusedError struct{ Code uint64 }

// Refused tells that the far end does not want the stream as it is.
func (e *RefusedError) Refused() {}

func (e *RefusedError) Error() string {
	why, ok := map[uint64]string{
		uint64(badSecret): "the passphrase is another", uint64(unsecure): "a passphrase is wanted there, or none is",
		uint64(gosrt.REJX_UNAUTHORIZED): "the stream id is not authorized", uint64(gosrt.REJX_FORBIDDEN): "the stream id is not allowed",
		uint64(NotFound): "the stream id is not known", uint64(Conflict): "somebody else sends by that stream id",
		uint64(BadRequest): "the stream id is not understood", uint64(Overload): "it is overloaded", uint64(Down): "it is down",
	}[e.Code]
	if !ok {
		why = "it says no more"
	}
	return fmt.Sprintf("the stream is refused with code %d: %s", e.Code, why)
}

// Pusher sends one transport stream to a listener elsewhere.
type Pusher struct {
	conn   gosrt.Conn
	writer *mpegts.Writer
	sent   atomic.Uint64
	wg     sync.WaitGroup
	done   chan struct{}
	end    error // of reading, once that is done
	shut   sync.Once
	after  func() // what is left to do once it has ended
}

// Push calls a listener, which receives. It takes 7 s at most. It fails with a
// *RefusedError where the listener says why.
func Push(ctx context.Context, to netip.AddrPort, o PushOptions) (*Pusher, error) {
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase = o.StreamID, o.Passphrase
	if o.Latency > 0 {
		c.Latency, c.PeerLatency, c.ReceiverLatency = o.Latency, o.Latency, o.Latency
	}
	conn, err := dial(ctx, to, c)
	if err != nil {
		return nil, err
	}
	return send(conn, nil), nil
}

// send has a pusher send by conn. after is called when that has ended; nil for one that was dialed.
func send(conn gosrt.Conn, after func()) *Pusher {
	p := &Pusher{conn: conn, done: make(chan struct{}), after: after}
	p.wg.Go(p.listen)
	return p
}

// listen waits until the far end has left; what it sends is not wanted.
func (p *Pusher) listen() {
	defer close(p.done)
	b := make([]byte, 2048)
	for p.end == nil {
		_, p.end = p.conn.Read(b)
	}
}

// Start has tracks be sent, once, before anything is written.
func (p *Pusher) Start(tracks []mpegts.Track) (err error) {
	p.writer, err = mpegts.NewWriter(sending{p}, tracks)
	return err
}

// sending counts what is sent.
type sending struct{ *Pusher }

func (s sending) Write(b []byte) (int, error) {
	n, err := s.conn.Write(b)
	s.sent.Add(uint64(n))
	if errors.Is(err, io.EOF) {
		err = media.ErrGone
	}
	return n, err
}

// Write sends an access unit of track i. It does not wait: what cannot be sent in time
// is dropped, as SRT has it.
func (p *Pusher) Write(i int, k media.Packet) error { return p.writer.Write(i, k) }

// Sent returns how many bytes were.
func (p *Pusher) Sent() uint64 { return p.sent.Load() }

// Done is closed when the far end has left, or after Close.
func (p *Pusher) Done() <-chan struct{} { return p.done }

// Err returns why the stream has ended, once it has.
func (p *Pusher) Err() error {
	<-p.done
	return media.ErrGone
}

// Close hangs up and waits for all of it.
func (p *Pusher) Close() error {
	p.shut.Do(func() {
		_ = p.conn.Close() // it never fails
		p.wg.Wait()
		switch {
		case p.after != nil:
			p.after()
		case errors.Is(p.end, io.EOF):
			settle(p.conn)
		}
	})
	return nil
}

// dial calls a listener. ctx is looked at before and after.
func dial(ctx context.Context, to netip.AddrPort, c gosrt.Config) (gosrt.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	wait := &settling{Logger: gosrt.NewLogger(nil)}
	wait.dialing.Store(true)
	c.Logger = wait
	conn, err := gosrt.Dial("srt", to.String(), c)
	if err != nil {
		return nil, told(err)
	}
	wait.dialing.Store(false)
	if err := ctx.Err(); err != nil {
		_ = conn.Close() // it never fails
		settle(conn)
		return nil, err
	}
	return conn, nil
}

var rejection = regexp.MustCompile(`^connection rejected: REJECT \(([0-9a-v]+)\)$`)

// told makes of the library's words what a listener said.
func told(err error) error {
	if m := rejection.FindStringSubmatch(err.Error()); m != nil {
		if code, bad := strconv.ParseUint(m[1], 32, 32); bad == nil {
			return &RefusedError{code}
		}
	}
	return fmt.Errorf("srt: %w", err)
}

// pollTime is how long the library's reader of a call waits before it looks whether
// that was ended.
const pollTime = 3 * time.Second

// settling is a logger that keeps a call which has failed from ending before its reader
// waits to be let go: that reader would wait forever, as the library asks for it once.
type settling struct {
	gosrt.Logger
	dialing atomic.Bool
}

// Print is told of all that the library does.
func (s *settling) Print(topic string, _ uint32, _ int, message func() string) {
	if topic == "dial" && s.dialing.Load() && message() == "closing socket" {
		time.Sleep(pollTime + pollTime/10)
	}
}

// settle lets the reader of a call that was closed go, which waits for somebody to ask.
func settle(conn gosrt.Conn) {
	b := make([]byte, 1)
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(2 * time.Millisecond) {
		if _, err := conn.Read(b); err != nil && !errors.Is(err, io.EOF) {
			return // it has told why it ends
		}
	}
}
