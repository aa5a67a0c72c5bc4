// Package proc measures and ends the processes the server starts.
package proc

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ, 100 on every Linux
// architecture Go runs on.
const tick = time.Second / 100

// CPU returns the user and system time used by the process pid and by those of
// its children that ended and were waited for; 0 if there is no such process.
// Source: proc(5), fields utime, stime, cutime and cstime of /proc/PID/stat.
func CPU(pid int) time.Duration {
	f := stat(pid)
	if f == nil {
		return 0
	}
	var n int64
	for _, i := range []int{14, 15, 16, 17} {
		v, _ := strconv.ParseInt(f.field(i), 10, 64)
		n += v
	}
	return time.Duration(n) * tick
}

// PeakRSS returns the largest resident set the process pid ever had, in bytes
// (VmHWM of /proc/PID/status); 0 if there is no such process.
func PeakRSS(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("VmHWM:"))
		if !ok {
			continue
		}
		kb, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
		return kb * 1024
	}
	return 0
}

// ThreadCPU returns the CPU time the calling thread has used. It means
// something only to a goroutine that holds its thread (runtime.LockOSThread).
func ThreadCPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Children returns the ids of all live descendants of the process pid, in
// ascending order. Those that ended and wait to be reaped do not count.
func Children(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	kids := map[int][]int{} // parent -> children, the ended ones too: theirs may live
	dead := map[int]bool{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		f := stat(id)
		if f == nil {
			continue
		}
		parent, _ := strconv.Atoi(f.field(4))
		kids[parent] = append(kids[parent], id)
		dead[id] = f.field(3) == "Z" || f.field(3) == "X"
	}
	var live []int
	todo := []int{pid}
	for len(todo) > 0 {
		p := todo[0]
		todo = append(todo[1:], kids[p]...)
		delete(kids, p)
		if p != pid && !dead[p] {
			live = append(live, p)
		}
	}
	slices.Sort(live)
	return live
}

// fields are those of /proc/PID/stat from the third on.
type fields []string

// field returns the i-th field, counted as in proc(5), from 3.
func (f fields) field(i int) string {
	if i-3 >= len(f) {
		return ""
	}
	return f[i-3]
}

func stat(pid int) fields {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	// The second field, the name in parentheses, may hold anything: count from its end.
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return nil
	}
	var f fields
	for _, w := range bytes.Fields(b[i+1:]) {
		f = append(f, string(w))
	}
	return f
}
