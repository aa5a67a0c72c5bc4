package proc

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what CPUs there are for this process, and how much of them
// everybody has used: what comes between two readings tells how busy they are.
type Machine struct {
	CPUs   int           // that this process may run on; 0 if the kernel does not tell
	Busy   time.Duration // CPU time these have not been idle since the boot, time stolen by other machines too
	Limits []Limit       // of the control groups this process is in, the innermost first
}

// Limit is a control group's share of the CPUs.
type Limit struct {
	CPUs float64       // that the group's processes may use in all
	Used time.Duration // CPU time that they have used; 0 if the kernel does not tell
}

// ReadMachine reads /proc/stat and the control groups' files, of either version.
func ReadMachine() Machine {
	var set unix.CPUSet
	allowed := func(int) bool { return true }
	if unix.SchedGetaffinity(0, &set) == nil {
		allowed = set.IsSet
	}
	return readMachine(os.DirFS("/"), allowed)
}

func readMachine(root fs.FS, allowed func(cpu int) bool) Machine {
	var m Machine
	stat, _ := fs.ReadFile(root, "proc/stat")
	for line := range strings.Lines(string(stat)) {
		f := strings.Fields(line)
		if len(f) < 9 || !strings.HasPrefix(f[0], "cpu") {
			continue
		}
		// "cpu" itself is the sum of all, also of those we may not run on.
		if n, err := strconv.Atoi(f[0][len("cpu"):]); err != nil || !allowed(n) {
			continue
		}
		m.CPUs++
		for i, v := range f[1:9] {
			if i == 3 || i == 4 { // idle, and idle while something was read or written
				continue
			}
			n, _ := strconv.ParseInt(v, 10, 64)
			m.Busy += time.Duration(n) * tick
		}
	}
	m.Limits = limits(root)
	return m
}

// limits returns those of this process's control groups and of the groups they are in.
func limits(root fs.FS) []Limit {
	member, _ := fs.ReadFile(root, "proc/self/cgroup")
	var out []Limit
	var account string // where version 1 counts
	for line := range strings.Lines(string(member)) {
		kinds, _ := membership(line)
		if slices.Contains(strings.Split(kinds, ","), "cpuacct") {
			account = "sys/fs/cgroup/" + kinds
		}
	}
	for line := range strings.Lines(string(member)) {
		kinds, group := membership(line)
		dir := "sys/fs/cgroup"
		if kinds != "" {
			if !slices.Contains(strings.Split(kinds, ","), "cpu") {
				continue
			}
			dir += "/" + kinds
		}
		// A container may see its own group as the root, or by a path that is not there: then the root is it.
		for at := path.Join("/", group); ; at = path.Dir(at) {
			l := Limit{CPUs: quota2(root, dir+at), Used: used2(root, dir+at)}
			if kinds != "" {
				l = Limit{CPUs: quota1(root, dir+at), Used: time.Duration(number(root, account+at, "cpuacct.usage"))}
			}
			if l.CPUs > 0 {
				out = append(out, l)
			}
			if at == "/" {
				break
			}
		}
	}
	return out
}

// membership reads a line of /proc/self/cgroup: "4:cpu,cpuacct:/a/group", of version 2 "0::/a/group".
func membership(line string) (kinds, group string) {
	_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
	kinds, group, _ = strings.Cut(rest, ":")
	return kinds, group
}

// quota2 reads version 2's limit: "200000 100000" is two CPUs, "max 100000" none.
func quota2(root fs.FS, dir string) float64 {
	b, _ := fs.ReadFile(root, path.Join(dir, "cpu.max"))
	f := strings.Fields(string(b))
	if len(f) != 2 {
		return 0
	}
	return share(f[0], f[1])
}

// used2 reads what version 2 has counted, in microseconds.
func used2(root fs.FS, dir string) time.Duration {
	b, _ := fs.ReadFile(root, path.Join(dir, "cpu.stat"))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "usage_usec "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return time.Duration(n) * time.Microsecond
		}
	}
	return 0
}

// quota1 reads version 1's limit; a quota of -1 is none.
func quota1(root fs.FS, dir string) float64 {
	quota, period := number(root, dir, "cpu.cfs_quota_us"), number(root, dir, "cpu.cfs_period_us")
	return share(strconv.FormatInt(quota, 10), strconv.FormatInt(period, 10))
}

// share returns how many CPUs a quota of each period is, 0 for no limit.
func share(quota, period string) float64 {
	q, err := strconv.ParseFloat(quota, 64)
	p, perr := strconv.ParseFloat(period, 64)
	if err != nil || perr != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}

// number reads a file that holds one; 0 if it does not.
func number(root fs.FS, dir, name string) int64 {
	b, _ := fs.ReadFile(root, path.Join(dir, name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}
