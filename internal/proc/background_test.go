package proc

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// niceness of the calling thread; the system call returns 20 less it.
func niceness(t *testing.T) int {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Error(err)
	}
	return 20 - n
}

func TestBackgroundIsItsOwnThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own := niceness(t)
	var inside, again int
	done := make(chan struct{})
	go func() {
		defer close(done)
		Background()
		inside = niceness(t)
		runtime.LockOSThread() // as a stage's meter does
		runtime.UnlockOSThread()
		again = niceness(t)
	}()
	<-done
	if inside != own+backgroundNice || again != inside {
		t.Errorf("niceness %d, then %d, want %d", inside, again, own+backgroundNice)
	}
	for range 50 { // nobody inherits it
		other := make(chan int)
		go func() { other <- niceness(t) }()
		if n := <-other; n != own {
			t.Fatalf("another goroutine runs at niceness %d, want %d", n, own)
		}
	}
}
