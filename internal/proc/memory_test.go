package proc

import (
	"testing"
	"testing/fstest"
)

func TestMemoryUse(t *testing.T) {
	const machine = "MemTotal:       1000 kB\nMemFree:          10 kB\nMemAvailable:    600 kB\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  float64
	}{
		{"nothing is told", nil, 0},
		{"no groups", map[string]string{"proc/meminfo": machine}, .4},
		{"version 2, in a container", map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "900\n", "sys/fs/cgroup/memory.stat": "anon 5\ninactive_file 150\n",
		}, .75},
		{"version 2, unbounded within a bound", map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "0::/system.slice/livedub.service\n",
			"sys/fs/cgroup/system.slice/livedub.service/memory.max":     "max\n",
			"sys/fs/cgroup/system.slice/livedub.service/memory.current": "900\n",
			"sys/fs/cgroup/system.slice/memory.max":                     "2000\n",
			"sys/fs/cgroup/system.slice/memory.current":                 "1000\n",
		}, .5},
		{"version 1", map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "4:memory:/a\n1:cpu:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "400\n", "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "300\n",
			"sys/fs/cgroup/memory/a/memory.stat":         "cache 9\ntotal_inactive_file 100\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "300\n",
		}, .5},
		{"roomier than the machine", map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "10\n",
		}, .4},
		{"over its bound", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "10\n", "sys/fs/cgroup/memory.current": "30\n"}, 1},
		{"nonsense", map[string]string{"proc/meminfo": "MemTotal: x\nMemAvailable:\n\n", "proc/self/cgroup": "\n::\n0::/../..\n", "sys/fs/cgroup/memory.max": "-5\n"}, 0},
	} {
		root := fstest.MapFS{}
		for name, text := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryUse(root); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if now := MemoryUse(); now <= 0 || now > 1 {
		t.Errorf("here %v is in use", now)
	}
	if Available() <= 0 {
		t.Error("no memory is available here")
	}
}
