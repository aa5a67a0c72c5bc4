package proc

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Available returns how many bytes of memory new processes can have before the
// system swaps (MemAvailable of /proc/meminfo); 0 if the kernel does not tell.
func Available() int64 {
	return kilobytes(os.DirFS("/"), "MemAvailable") << 10
}

// MemoryUse returns the part of the memory that is in use and cannot be freed, 0 to 1:
// of the machine's or of a control group's that this process is in, whichever is
// fuller. It is 0 if the kernel does not tell.
func MemoryUse() float64 { return memoryUse(os.DirFS("/")) }

func memoryUse(root fs.FS) float64 {
	most := 0.
	if all := kilobytes(root, "MemTotal"); all > 0 {
		most = 1 - float64(kilobytes(root, "MemAvailable"))/float64(all)
	}
	member, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(member)) {
		kinds, group := membership(line)
		dir, limit, used, cache := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		if kinds != "" {
			if !slices.Contains(strings.Split(kinds, ","), "memory") {
				continue
			}
			dir, limit, used, cache = dir+"/"+kinds, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		}
		for at := path.Join("/", group); ; at = path.Dir(at) { // as limits does
			if l := number(root, dir+at, limit); l > 0 {
				most = max(most, float64(number(root, dir+at, used)-statField(root, dir+at, cache))/float64(l))
			}
			if at == "/" {
				break
			}
		}
	}
	return min(max(most, 0), 1)
}

// kilobytes reads a line of /proc/meminfo.
func kilobytes(root fs.FS, name string) int64 {
	b, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return n
		}
	}
	return 0
}

// statField reads a line of a control group's memory.stat.
func statField(root fs.FS, dir, name string) int64 {
	b, _ := fs.ReadFile(root, path.Join(dir, "memory.stat"))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return 0
}
