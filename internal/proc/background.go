package proc

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// backgroundNice is what Background adds to the thread's niceness: about a
// quarter of a contended core.
const backgroundNice = 6

// Background gives the calling goroutine a thread of its own that yields to the
// others. It holds until the goroutine ends, which ends the thread: its
// niceness must not come to whoever would run on it next. Where the system
// refuses, the goroutine runs on as before.
func Background() {
	runtime.LockOSThread() // never unlocked: the thread dies with the goroutine
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), backgroundNice)
}
