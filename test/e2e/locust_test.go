package e2e

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
)

const locustfile = "../../deploy/locust/locustfile.py"

// needLocust ends a test where Debian's Locust is not installed.
func needLocust(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("/usr/bin/python3", "-c", "import locust").CombinedOutput(); err != nil {
		groundtest.Need(t, "no Locust for /usr/bin/python3: sudo apt-get install -y python3-locust: %s", out)
	}
}

// TestLocustfile checks shapes, command lines and what becomes of loadgen's lines.
func TestLocustfile(t *testing.T) {
	needLocust(t)
	if out := tool(t, "/usr/bin/python3", "testdata/locustfile_test.py", locustfile); strings.TrimSpace(out) != "ok" {
		t.Error(out)
	}
}

// TestLocust has Locust put a user on a real server, by one process and by a
// master with a worker: connect times and the first dub become its statistics.
func TestLocust(t *testing.T) {
	needLocust(t)
	s := serve(t, fakes...)
	cache := t.TempDir()
	for _, distributed := range []bool{false, true} {
		t.Run(fmt.Sprintf("distributed %v", distributed), func(t *testing.T) {
			for try := 1; ; try++ {
				load := groundtest.NewStrain(t)
				csvs := filepath.Join(t.TempDir(), "load")
				out, err := locusts(t, s.base, cache, csvs, distributed)
				why, heavy := load.Heavy(t)
				rows := statistics(t, csvs+"_stats.csv")
				faults := 0
				for _, want := range []string{"session call", "speaker connect", "viewer connect", "viewer first dub", "viewer glass to glass, median"} {
					r := rows[want]
					t.Logf("%s: %+v", want, r)
					if r.requests < 1 || r.failures > 0 || r.median < 0 || r.median > 20000 {
						faults++
					}
				}
				if err == nil && faults == 0 {
					break
				}
				if !heavy || try == groundtest.Tries {
					t.Fatalf("%v: %s\n%s", err, why, out)
				}
				t.Logf("once more, for the machine is busy with other things: %v", err)
			}
		})
	}
	if _, text := s.call(t, "GET", "/v1/sessions", "", nil); !strings.Contains(text, `"sessions":[]`) {
		t.Errorf("sessions are left: %s", text)
	}
}

// locusts runs one user for some seconds and returns what all processes of Locust printed.
func locusts(t *testing.T, base, cache, csvs string, distributed bool) (string, error) {
	t.Helper()
	var out lockedBuffer
	start := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", append([]string{"-m", "locust", "-f", locustfile, "--headless", "--host", base, "--only-summary"}, args...)...)
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	args := []string{"-u", "1", "-r", "1", "-t", "18s", "--csv", csvs, "--loadgen", filepath.Join(bin, "loadgen"), "--call-seconds", "7",
		"--call-flags", "--delay-ms 1000 --width 320 --height 180"}
	if !distributed {
		err := start(args...).Wait()
		return out.String(), err
	}
	host, port, err := net.SplitHostPort(groundtest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	master := start(append(args, "--master", "--expect-workers", "1", "--expect-workers-max-wait", "60", "--master-bind-host", host, "--master-bind-port", port)...)
	worker := start("--worker", "--master-host", host, "--master-port", port)
	err = master.Wait()
	killer := time.AfterFunc(30*time.Second, func() { _ = worker.Process.Kill() })
	defer killer.Stop()
	return out.String(), errors.Join(err, worker.Wait())
}

// lockedBuffer is written to by several processes' pipes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// statistic is one row of Locust's.
type statistic struct {
	requests, failures int
	median             float64 // ms
}

// statistics reads Locust's CSV.
func statistics(t *testing.T, path string) map[string]statistic {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil || len(table) == 0 {
		t.Fatalf("%s: %v", path, err)
	}
	column := map[string]int{}
	for i, name := range table[0] {
		column[name] = i
	}
	out := map[string]statistic{}
	for _, r := range table[1:] {
		var s statistic
		s.requests, _ = strconv.Atoi(r[column["Request Count"]])
		s.failures, _ = strconv.Atoi(r[column["Failure Count"]])
		s.median, _ = strconv.ParseFloat(r[column["Median Response Time"]], 64)
		out[r[column["Type"]]+" "+r[column["Name"]]] = s
	}
	return out
}
