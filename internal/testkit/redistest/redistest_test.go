package redistest

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ping tells whether a server answers at all.
func ping(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(200 * time.Millisecond))
	fmt.Fprintf(c, "PING\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "+PONG\r\n" {
		err = fmt.Errorf("%q", line)
	}
	return err
}

func TestServerComesAndGoes(t *testing.T) {
	s := Start(t)
	for i, step := range []struct {
		do    func()
		alive bool
	}{{func() {}, true}, {s.Pause, false}, {s.Resume, true}, {s.Kill, false}, {s.Kill, false}, {s.Start, true}} {
		step.do()
		var err error
		for range 20 { // resumed, it may answer late
			if err = ping(s.Addr); (err == nil) == step.alive {
				break
			}
		}
		if (err == nil) != step.alive {
			t.Errorf("step %d: %v", i, err)
		}
	}
}
