package proc

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Groups starts processes that die when it is closed and when we die, however we
// die (SIGKILL too).
//
// The kernel's parent-death signal (PR_SET_PDEATHSIG) does not watch the parent
// process but the thread that forked, and Go may fork on any thread. So a Groups
// owns one thread, which does nothing but fork, from New to Close. Ending that
// thread in Close is what kills the processes that still run.
type Groups struct {
	nice int
	jobs chan startJob
	quit chan struct{}
	done chan struct{}
	once sync.Once
}

type startJob struct {
	cmd *exec.Cmd
	err chan error
}

var errGroupsClosed = errors.New("proc: the process groups are closed: open new ones")

// NewGroups starts the thread. Close must be called.
func NewGroups() *Groups { return NewNiceGroups(0) }

// NewNiceGroups is NewGroups for processes that yield to others: nice is added to
// the niceness that they would have. Where the system refuses, they run on as they would.
func NewNiceGroups(nice int) *Groups {
	n := &Groups{nice: nice, jobs: make(chan startJob), quit: make(chan struct{}), done: make(chan struct{})}
	go n.run()
	return n
}

func (g *Groups) run() {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// Go never ends the main thread. While we hold it, another goroutine gets another one.
		moved := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(moved)
			g.fork()
		}()
		<-moved
		runtime.UnlockOSThread()
		return
	}
	g.fork()
}

// fork runs on a locked thread that is never unlocked: it ends with the goroutine.
func (g *Groups) fork() {
	defer close(g.done)
	if g.nice != 0 { // processes inherit it; the system call returns 20 less the niceness
		if p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 20-p+g.nice)
		}
	}
	for {
		select {
		case j := <-g.jobs:
			j.err <- j.cmd.Start()
		case <-g.quit:
			return
		}
	}
}

// Start starts cmd with the parent-death signal SIGKILL. The caller waits for cmd.
func (g *Groups) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	j := startJob{cmd: cmd, err: make(chan error, 1)}
	select {
	case g.jobs <- j:
		return <-j.err
	case <-g.quit:
		return errGroupsClosed
	}
}

// Close ends the thread; every process of the groups that still runs is killed by
// the kernel. It may be called more than once.
func (g *Groups) Close() {
	g.once.Do(func() { close(g.quit) })
	<-g.done
}
