package work

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLooseWhileWaiting starts calls while the session's end waits, as a call that
// is given up on does.
func TestLooseWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Loose
		ended := 0
		l.Run(func() {
			time.Sleep(time.Second)
			l.Run(func() {
				time.Sleep(time.Second / 2)
				ended++
			})
		})
		if left := l.Wait(func() { ended *= 10 }); left != 0 || ended != 10 {
			t.Errorf("%d left, %d of 10: then is called once all have ended", left, ended)
		}
	})
}

func TestLooseLeavesBehindWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Loose
		hangs, then := make(chan struct{}), make(chan struct{})
		l.Run(func() { <-hangs })
		l.Run(func() { time.Sleep(time.Second) })
		begun := time.Now()
		if left := l.Wait(func() { close(then) }); left != 1 || time.Since(begun) != Patience {
			t.Errorf("%d left after %v, want 1 after %v", left, time.Since(begun), Patience)
		}
		select {
		case <-then:
			t.Error("then was called while one hung")
		default:
		}
		close(hangs)
		<-then
	})
}
