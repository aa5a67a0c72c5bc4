package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
)

// receive lets an end receive, and returns what became of it.
func receive(ctx context.Context, c net.Conn) <-chan error {
	done := make(chan error, 1)
	go func() {
		r, err := Receive(ctx, c, secret)
		if err == nil {
			r.Refuse("")
			err = errors.New("it was taken")
		}
		done <- err
	}()
	return done
}

// TestWrongSecret: neither end takes one that does not know the secret, whichever it plays.
func TestWrongSecret(t *testing.T) {
	for _, key := range [][]byte{[]byte("another"), nil} {
		a, b := loopback(t)
		came := receive(t.Context(), b)
		c := config()
		c.Key = key
		if _, err := Send(t.Context(), a, c); !errors.Is(err, ErrSecret) {
			t.Errorf("sender: %v", err)
		}
		if err := <-came; err == nil || len(key) > 0 && !errors.Is(err, ErrSecret) {
			t.Errorf("receiver: %v", err)
		}
	}
}

// TestManInTheMiddle: who stands between, with a certificate as good as any, and
// passes on what both say, is found out by both.
func TestManInTheMiddle(t *testing.T) {
	a, m1 := loopback(t)
	m2, b := loopback(t)
	came := receive(t.Context(), b)
	conf, err := tlsConfig()
	if err != nil {
		t.Fatal(err)
	}
	left, right := tls.Server(m1, conf), tls.Client(m2, conf)
	var wg sync.WaitGroup
	for _, way := range [][2]*tls.Conn{{left, right}, {right, left}} {
		wg.Go(func() {
			defer way[0].Close()
			defer way[1].Close()
			_, _ = io.Copy(way[0], way[1])
		})
	}
	if _, err := Send(t.Context(), a, config()); !errors.Is(err, ErrSecret) {
		t.Errorf("sender: %v", err)
	}
	if err := <-came; !errors.Is(err, ErrSecret) {
		t.Errorf("receiver: %v", err)
	}
	wg.Wait()
}

// TestReplay: what a sender sent once opens nothing a second time.
func TestReplay(t *testing.T) {
	a, b := loopback(t)
	taped := &tape{Conn: a}
	s, _ := linked(t, taped, b, config())
	s.Close()
	a, b = loopback(t)
	came := receive(t.Context(), b)
	if _, err := a.Write(taped.said()); err != nil {
		t.Fatal(err)
	}
	if err := <-came; err == nil {
		t.Error("taken")
	}
}

// tape keeps what is written to a connection.
type tape struct {
	net.Conn
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *tape) Write(b []byte) (int, error) {
	t.mu.Lock()
	t.all.Write(b)
	t.mu.Unlock()
	return t.Conn.Write(b)
}

func (t *tape) said() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.all.Bytes())
}

// TestReflected: a sender's own proof is none of a receiver, and versions are told apart.
func TestReflected(t *testing.T) {
	for _, what := range []string{"reflected", "version"} {
		a, b := loopback(t)
		conf, err := tlsConfig()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			c := tls.Server(b, conf)
			defer c.Close()
			proof := make([]byte, 33)
			if _, err := io.ReadFull(c, proof); err != nil {
				t.Error(err)
			}
			if what == "version" {
				if proof, err = prove(c, secret, receives, Version+1); err != nil {
					t.Error(err)
				}
			}
			_, _ = c.Write(proof)
			_, _ = io.Copy(io.Discard, c)
		})
		want := ErrSecret
		if what == "version" {
			want = ErrVersion
		}
		if _, err := Send(t.Context(), a, config()); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		wg.Wait()
	}
}

// TestStrangers: what no link says ends the connection, in bounded time and with nothing taken.
func TestStrangers(t *testing.T) {
	for name, say := range map[string]func(net.Conn){
		"nothing":  func(net.Conn) {},
		"HTTP":     func(c net.Conn) { _, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n")) },
		"hangs up": func(c net.Conn) { c.Close() },
		"drip":     func(c net.Conn) { drip(c, append([]byte{22, 3, 1, 0, 100}, make([]byte, 100)...)) },
		"only TLS": func(c net.Conn) { _ = client(c).Handshake() },
		"TLS 1.2": func(c net.Conn) {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake()
		},
		"wrong proof": func(c net.Conn) { _, _ = client(c).Write(make([]byte, 33)) },
	} {
		t.Run(name, func(t *testing.T) {
			cutOff(t, func(_ *testing.T, a net.Conn) {
				say(a)
				_, _ = io.Copy(io.Discard, a)
			})
		})
	}
}

// cutOff has who sends say something that is refused, in time.
func cutOff(t *testing.T, say func(t *testing.T, c net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		began := time.Now()
		came := receive(t.Context(), b)
		var wg sync.WaitGroup
		wg.Go(func() { say(t, a) })
		if err := <-came; err == nil || time.Since(began) > 2*handshake {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		a.Close()
		wg.Wait()
	})
}

func client(c net.Conn) *tls.Conn {
	conf, err := tlsConfig()
	if err != nil {
		panic(err)
	}
	return tls.Client(c, conf)
}

// drip writes a byte a second.
func drip(w io.Writer, b []byte) {
	for i := range b {
		if _, err := w.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// TestBadSender: one who knows the secret and says what it should not is cut off.
func TestBadSender(t *testing.T) {
	big := said()
	big.Checkpoint = make([]byte, MaxCheckpoint+1)
	long := appendMessage(nil, hello, []byte(`{"session":"s"`))
	binary.BigEndian.PutUint32(long[1:], 10<<20) // of which the rest never comes
	for name, first := range map[string][]byte{
		"no hello":         appendMessage(nil, beat, nil),
		"unknown kind":     {200, 0, 0, 0, 0},
		"10 MB":            long,
		"not JSON":         appendMessage(nil, hello, []byte("{")),
		"no session":       greeting(Hello{Fence: 1}),
		"no fence":         greeting(Hello{Session: "s"}),
		"big checkpoint":   greeting(big),
		"strange track":    greeting(Hello{Session: "s", Fence: 1, Tracks: []media.Track{{Kind: 9}}}),
		"two of a kind":    greeting(Hello{Session: "s", Fence: 1, Tracks: []media.Track{tracks[0], tracks[0]}}),
		"truncated":        greeting(said())[:1000],
		"silent afterward": greeting(said()),
	} {
		t.Run(name, func(t *testing.T) {
			cutOff(t, func(t *testing.T, a net.Conn) {
				if c, err := secure(t.Context(), a, secret, sends); err != nil {
					t.Error(err)
				} else if _, err := c.Write(first); err == nil {
					_, _ = io.Copy(io.Discard, c)
				}
			})
		})
	}
}

func greeting(h Hello) []byte {
	said, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	return appendMessage(nil, hello, said)
}

// TestBrokenLater: a link whose other end breaks off, stands still, drips, or talks
// nonsense is over in bounded time, at both ends.
func TestBrokenLater(t *testing.T) {
	drop := func(c *holes) { c.Conn.Close() }
	for name, hurt := range map[string]func(*holes){
		"breaks off": drop,
		"stands still": func(c *holes) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.swallow = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				bad := &holes{Conn: a}
				s, r := linked(t, bad, &holes{Conn: b}, config())
				time.Sleep(3 * silence) // beats keep it
				select {
				case <-s.Done():
					t.Error("over without a reason", s.Err())
				case <-r.Done():
					t.Error("over at the receiver without a reason")
				default:
				}
				began := time.Now()
				hurt(bad)
				<-r.Done()
				<-s.Done()
				if took := time.Since(began); took > 2*silence || s.Err() == nil {
					t.Errorf("%v after %v", s.Err(), took)
				}
				if _, err := r.Read(t.Context()); !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			})
		})
	}
}

// holes is a connection that may lose all that is written.
type holes struct {
	net.Conn
	mu      sync.Mutex
	swallow bool
}

func (h *holes) Write(b []byte) (int, error) {
	h.mu.Lock()
	swallow := h.swallow
	h.mu.Unlock()
	if swallow {
		return len(b), nil
	}
	return h.Conn.Write(b)
}

// TestCancelled: an opening that nobody waits for any more ends at once.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, role := range []string{sends, receives} {
			a, b := net.Pipe()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			go func() { _, _ = io.Copy(io.Discard, b) }()
			var err error
			if role == sends {
				_, err = Send(ctx, a, config())
			} else {
				_, err = Receive(ctx, a, secret)
			}
			if err == nil || time.Since(began) != time.Second {
				t.Errorf("%s: %v after %v", role, err, time.Since(began))
			}
			cancel()
			b.Close()
		}
	})
}

// FuzzMessage feeds the parsers of all messages.
func FuzzMessage(f *testing.F) {
	f.Add(greeting(Hello{Session: "s", Fence: 1, Tracks: tracks, Checkpoint: []byte{1}}))
	f.Add(appendPacket(nil, media.Packet{Kind: media.Video, PTS: 5, Key: true, Data: []byte{1}}))
	f.Add(appendMessage(nil, track, []byte(`{"Kind":1,"Codec":"opus"}`)))
	f.Add(appendMessage(nil, bye, []byte(byeEnded)))
	f.Add([]byte{byte(packet), 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		for {
			k, body, err := readMessage(in)
			if err != nil {
				return
			}
			switch k {
			case hello:
				if h, err := parseHello(body); err == nil && len(h.Checkpoint) > MaxCheckpoint {
					t.Errorf("a checkpoint of %d bytes is taken", len(h.Checkpoint))
				}
			case track:
				_, _ = parseTrack(body)
			case packet:
				if p, err := parsePacket(body); err == nil && !bytes.Equal(appendPacket(nil, p)[head:], body) {
					t.Errorf("%+v is not what was said: %x", p, body)
				}
			}
		}
	})
}
