package proc

import (
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Group is a few processes of one Groups that live and die together: a pipeline,
// or one worker. They share a process group of their own, so that a terminal's
// Ctrl-C reaches us and not them.
//
// None is reaped before Kill, so that no process id in here is ever another's.
// A Group is safe for concurrent use.
type Group struct {
	groups *Groups

	mu   sync.Mutex
	cmds []*exec.Cmd
	over bool
	used time.Duration // CPU, once over
}

// Group returns an empty group.
func (g *Groups) Group() *Group { return &Group{groups: g} }

// Start starts cmd in the group.
func (g *Group) Start(cmd *exec.Cmd) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return errGroupsClosed
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if len(g.cmds) > 0 {
		cmd.SysProcAttr.Pgid = g.cmds[0].Process.Pid
	}
	if err := g.groups.Start(cmd); err != nil {
		return err
	}
	g.cmds = append(g.cmds, cmd)
	return nil
}

// Exited tells whether any process of the group has ended.
func (g *Group) Exited() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || len(g.cmds) == 0 {
		return true
	}
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PGID, g.cmds[0].Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil || info.Signo != 0
}

// Kill ends every process of the group and waits for them. It may be called more than once.
func (g *Group) Kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	g.over = true
	if len(g.cmds) > 0 {
		_ = syscall.Kill(-g.cmds[0].Process.Pid, syscall.SIGKILL)
	}
	for _, c := range g.cmds {
		_ = c.Wait() // how it ended does not matter: we ended it
		if s := c.ProcessState; s != nil {
			g.used += s.UserTime() + s.SystemTime()
		}
	}
}

// CPU returns the CPU time the group's processes have used.
func (g *Group) CPU() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return g.used
	}
	var t time.Duration
	for _, c := range g.cmds {
		t += CPU(c.Process.Pid)
	}
	return t
}

// PIDs returns the ids of the group's processes, in the order started; none after Kill.
func (g *Group) PIDs() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return nil
	}
	var ids []int
	for _, c := range g.cmds {
		ids = append(ids, c.Process.Pid)
	}
	return ids
}
