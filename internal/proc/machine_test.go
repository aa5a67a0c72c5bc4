package proc

import (
	"os/exec"
	"reflect"
	"testing"
	"testing/fstest"
	"time"
)

func TestReadMachine(t *testing.T) {
	const stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 20 30 1000 50 1 2 7 90 0\ncpu1 200 0 0 900 0 0 0 0 0 0\ncpu2 5000 0 0 0 0 0 0 0 0 0\nintr 5 1\nctxt 7\n"
	const cpu0, cpu1 = 1600 * time.Millisecond, 2 * time.Second // less idle, waiting, and what guests used already
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []Limit
	}{
		{"none", map[string]string{"proc/self/cgroup": "0::/\n"}, nil},
		{"version 2, in a container", map[string]string{
			"proc/self/cgroup":       "0::/\n",
			"sys/fs/cgroup/cpu.max":  "150000 100000\n",
			"sys/fs/cgroup/cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
		}, []Limit{{1.5, 2500 * time.Millisecond}}},
		{"version 2, groups in groups", map[string]string{
			"proc/self/cgroup": "0::/system.slice/livedub.service\n",
			"sys/fs/cgroup/system.slice/livedub.service/cpu.max": "max 100000\n",
			"sys/fs/cgroup/system.slice/cpu.max":                 "400000 100000\n",
			"sys/fs/cgroup/system.slice/cpu.stat":                "usage_usec 1000\n",
		}, []Limit{{4, time.Millisecond}}},
		{"version 1, by a path from outside", map[string]string{
			"proc/self/cgroup":                            "9:name=systemd:/docker/a\n4:cpuset:/docker/a\n3:cpu,cpuacct:/docker/a\n0::/docker/a\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":  "50000\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/cpuacct.usage":     "3000000000\n",
		}, []Limit{{.5, 3 * time.Second}}},
		{"version 1, counted elsewhere, and unlimited outside", map[string]string{
			"proc/self/cgroup":                      "2:cpuacct:/a\n1:cpu:/a\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us":  "200000\n",
			"sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpuacct/a/cpuacct.usage": "7\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":    "-1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":   "100000\n",
		}, []Limit{{2, 7}}},
		{"nonsense", map[string]string{
			"proc/self/cgroup":      "\n0\n0:\n::\n0::/../..\n1:cpu:../a\n",
			"sys/fs/cgroup/cpu.max": "1 0 0\n",
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{"proc/stat": {Data: []byte(stat)}}
			for name, text := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			m := readMachine(root, func(cpu int) bool { return cpu < 2 })
			if m.CPUs != 2 || m.Busy != cpu0+cpu1 || !reflect.DeepEqual(m.Limits, c.want) {
				t.Errorf("%+v, want 2 CPUs busy for %v, limits %+v", m, cpu0+cpu1, c.want)
			}
		})
	}
	if m := readMachine(fstest.MapFS{}, nil); !reflect.DeepEqual(m, Machine{}) {
		t.Errorf("from nothing: %+v", m)
	}
}

// What another process does shows.
func TestReadMachineSeesOthers(t *testing.T) {
	n := NewGroups()
	defer n.Close()
	g := n.Group()
	before := ReadMachine()
	if before.CPUs < 1 || before.Busy <= 0 {
		t.Fatalf("%+v", before)
	}
	if err := g.Start(exec.Command("sh", "-c", "while :; do :; done")); err != nil {
		t.Fatal(err)
	}
	defer g.Kill()
	eventually(t, "200 ms of CPU", func() bool { return g.CPU() >= 200*time.Millisecond })
	if used := ReadMachine().Busy - before.Busy; used < 150*time.Millisecond {
		t.Errorf("the machine was busy for %v while another process used %v", used, g.CPU())
	}
}
