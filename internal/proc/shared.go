package proc

import (
	"fmt"
	"os"
	"strings"
)

// Shared returns how much of a live process's memory is counted in others too
// (RSS less PSS), in bytes; 0 if it is gone or the kernel does not tell.
func Shared(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	var rss, pss int64
	for line := range strings.Lines(string(b)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "Rss: %d kB", &kb); err == nil {
			rss = kb
		}
		if _, err := fmt.Sscanf(line, "Pss: %d kB", &kb); err == nil {
			pss = kb
		}
	}
	return (rss - pss) << 10
}
