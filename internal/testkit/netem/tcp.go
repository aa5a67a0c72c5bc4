package netem

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	tcpPiece = 32 << 10        // bytes read at a time
	tcpUnder = 64              // pieces under way in one direction: then the sender waits
	tcpDial  = 5 * time.Second // to the target
)

// TCP is a relay for connections between programs of this machine, which can delay
// them, cut them off, or hold everything back without a word.
type TCP struct {
	targets []string
	front   net.Listener
	all     sync.WaitGroup

	mu     sync.Mutex
	only   []byte // faults are for connections that begin with it
	filter func() (up, down func([]byte) bool)
	free   *sync.Cond // waits for dark to end
	delay  time.Duration
	dark   bool // nothing passes
	down   bool // connections are refused
	closed bool
	pairs  map[*pair]bool
	next   int // of the targets
}

// pair is one connection through the relay.
type pair struct {
	client, server *net.TCPConn
	exempt         bool // faults are not for it
}

// NewTCP starts a relay to the first of the targets that answers, beginning with
// another one each time. delay is that of each direction.
func NewTCP(delay time.Duration, targets ...string) (*TCP, error) {
	for _, t := range targets {
		if _, err := loopback(t); err != nil {
			return nil, err
		}
	}
	if len(targets) == 0 || delay < 0 {
		return nil, fmt.Errorf("badnet: %d targets, delay %v: give one target, and no negative delay", len(targets), delay)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("badnet: %w", err)
	}
	r := &TCP{targets: targets, front: front, delay: delay, pairs: map[*pair]bool{}}
	r.free = sync.NewCond(&r.mu)
	r.all.Go(r.serve)
	return r, nil
}

// Only has faults concern connections alone whose client begins with these words, as
// "GET /x ". It is called before any connects.
func (r *TCP) Only(words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.only = []byte(words)
}

// Filter has f called for each connection that is made from now on. What it returns is
// asked for every piece, up from the client and down to it: false loses the piece.
func (r *TCP) Filter(f func() (up, down func(piece []byte) bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filter = f
}

// Addr returns where clients connect to.
func (r *TCP) Addr() string { return r.front.Addr().String() }

// Blackhole holds everything back, both ways, until Restore: connections stay, and new
// ones are taken that nobody answers.
func (r *TCP) Blackhole() { r.set(true, false) }

// Kill resets all connections, and each that comes, until Restore.
func (r *TCP) Kill() {
	r.set(false, true)
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		if !p.exempt {
			p.reset()
		}
	}
}

// Restore lets everything pass again, what was held back first.
func (r *TCP) Restore() { r.set(false, false) }

func (r *TCP) set(dark, down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dark, r.down = dark, down
	r.free.Broadcast()
}

// Close resets all connections and waits for all goroutines.
func (r *TCP) Close() error {
	r.front.Close()
	r.mu.Lock()
	r.closed = true
	for p := range r.pairs {
		p.reset()
	}
	r.free.Broadcast()
	r.mu.Unlock()
	r.all.Wait()
	return nil
}

func (p *pair) reset() {
	for _, c := range []*net.TCPConn{p.client, p.server} {
		if c != nil {
			_ = c.SetLinger(0) // it may be closed already
			c.Close()
		}
	}
}

// serve takes connections in.
func (r *TCP) serve() {
	for {
		c, err := r.front.Accept()
		if err != nil {
			return
		}
		r.all.Go(func() { r.carry(c.(*net.TCPConn)) })
	}
}

// wait holds a connection while nothing of it passes; false when it is to end.
func (r *TCP) wait(p *pair) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.dark && !r.closed && !p.exempt {
		r.free.Wait()
	}
	return !r.closed && (p.exempt || !r.down)
}

// carry joins a client with a target until either ends.
func (r *TCP) carry(client *net.TCPConn) {
	p := &pair{client: client}
	r.mu.Lock()
	r.pairs[p] = true
	only := r.only
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.pairs, p)
		p.reset()
		r.mu.Unlock()
	}()
	begins := bufio.NewReaderSize(client, tcpPiece)
	if len(only) > 0 {
		first, err := begins.Peek(len(only))
		if err != nil {
			return
		}
		r.mu.Lock()
		p.exempt = !bytes.Equal(first, only)
		r.mu.Unlock()
	}
	if !r.wait(p) {
		return
	}
	server, err := r.dial()
	if err != nil {
		return
	}
	up, down := passes, passes
	r.mu.Lock()
	p.server = server
	if r.filter != nil {
		up, down = r.filter()
	}
	r.mu.Unlock()
	if !r.wait(p) { // it was killed meanwhile
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.pump(p, begins, client, server, up) })
	both.Go(func() { r.pump(p, server, server, client, down) })
	both.Wait()
}

// dial connects to a target.
func (r *TCP) dial() (*net.TCPConn, error) {
	r.mu.Lock()
	first := r.next
	r.next++
	r.mu.Unlock()
	err := errors.New("no target")
	for i := range r.targets {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", r.targets[(first+i)%len(r.targets)], tcpDial); err == nil {
			return c.(*net.TCPConn), nil
		}
	}
	return nil, err
}

// piece is what is under way.
type piece struct {
	due  time.Time
	data []byte // nil: the end
}

func passes([]byte) bool { return true }

// pump carries what in reads of from, and may pass, to its end, each piece after the delay.
func (r *TCP) pump(p *pair, in io.Reader, from, to *net.TCPConn, may func([]byte) bool) {
	pieces := make(chan piece, tcpUnder)
	var read sync.WaitGroup
	read.Go(func() {
		defer close(pieces)
		for {
			buf := make([]byte, tcpPiece)
			n, err := in.Read(buf)
			r.mu.Lock()
			due := time.Now().Add(r.delay)
			r.mu.Unlock()
			if n > 0 && may(buf[:n]) {
				pieces <- piece{due, buf[:n]}
			}
			if errors.Is(err, io.EOF) {
				pieces <- piece{due, nil}
			}
			if err != nil {
				return
			}
		}
	})
	broken := false
	for next := range pieces {
		if broken {
			continue
		}
		time.Sleep(time.Until(next.due))
		switch {
		case !r.wait(p):
			broken = true
			from.Close()
		case next.data == nil:
			_ = to.CloseWrite() // it may be closed already
		default:
			if _, err := to.Write(next.data); err != nil {
				broken = true
				from.Close()
			}
		}
	}
	read.Wait()
	if broken {
		to.Close()
	}
}
