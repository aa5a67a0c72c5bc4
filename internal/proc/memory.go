package proc

import (
	"fmt"
	"os"
	"strings"
)

// Available returns how many bytes of memory new processes can have before the
// system swaps (MemAvailable of /proc/meminfo); 0 if the kernel does not tell.
func Available() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return 0
}
