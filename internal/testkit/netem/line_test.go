package netem

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// begin runs a line within a bubble and returns how to end it.
func begin(l *line) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { l.run(ctx) })
	return func() {
		cancel()
		all.Wait()
	}
}

func TestLineDeliversWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(time.Now(), 3, Faults{Delay: 100 * ms, Jitter: 40 * ms, Reorder: true})
		defer begin(l)()
		var mu sync.Mutex
		arrived := map[byte]time.Duration{}
		start := time.Now()
		buf := []byte{0}
		for i := range 50 {
			buf[0] = byte(i)
			at := time.Since(start)
			l.add(buf, func(b []byte) error {
				mu.Lock()
				defer mu.Unlock()
				arrived[b[0]] = time.Since(start) - at
				return nil
			})
			buf[0] = 255 // the line has its own copy
			time.Sleep(5 * ms)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i := range 50 {
			if took := arrived[byte(i)]; took < 100*ms || took > 140*ms {
				t.Errorf("packet %d took %v", i, took)
			}
		}
		if c := l.counters(); c.Sent != 50 || c.Reordered < 10 {
			t.Errorf("%+v", c)
		}
	})
}

func TestBlackout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(time.Now(), 1, Faults{})
		defer begin(l)()
		var arrived []time.Duration
		start := time.Now()
		l.blackout(time.Second, 2*time.Second)
		for range 50 {
			at := time.Since(start)
			l.add([]byte{1}, func([]byte) error { arrived = append(arrived, at); return nil })
			time.Sleep(100 * ms)
			synctest.Wait()
		}
		for _, at := range arrived {
			if at >= time.Second && at < 3*time.Second {
				t.Errorf("a packet of %v came through", at)
			}
		}
		if c := l.counters(); len(arrived) != 30 || c.Blackout != 20 || c.Sent != 30 {
			t.Errorf("%d came through, %+v", len(arrived), c)
		}
	})
}

func TestLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(time.Now(), 1, Faults{Delay: time.Minute})
		end := begin(l)
		for range lineLimit + 10 {
			l.add([]byte{1}, func([]byte) error { t.Error("delivered after the end"); return nil })
		}
		if c := l.counters(); c.Squeezed != 10 {
			t.Errorf("%+v", c)
		}
		end()
		time.Sleep(2 * time.Minute)
	})
}

func TestUndeliverable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(time.Now(), 1, Faults{})
		defer begin(l)()
		l.add([]byte{1}, func([]byte) error { return errors.New("gone") })
		time.Sleep(ms)
		synctest.Wait()
		if c := l.counters(); c.Refused != 1 || c.Sent != 0 {
			t.Errorf("%+v", c)
		}
	})
}
