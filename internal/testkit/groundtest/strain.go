package groundtest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// Tries is how often something is measured on a machine that is busy with other
// things. What fails the last time fails: a busy machine hides real faults, too.
const Tries = 3

// Strain is how much the machine has to do while something is measured that a
// machine with time for it does well. It is read at the beginning; Heavy reads it again.
type Strain struct{ total, stolen float64 } // CPU time since the boot, in ticks

// NewStrain reads it.
func NewStrain(t testing.TB) Strain {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var s Strain
	for i, f := range strings.Fields(line)[1:] {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		if i < 8 { // what follows is in the others already
			s.total += v
		}
		if i == 7 {
			s.stolen = v
		}
	}
	return s
}

// Heavy tells in words whether more wanted to run than could since s was read: a
// load above 1.5 a core, or more than 2 % of the time stolen by other machines.
func (s Strain) Heavy(t testing.TB) (string, bool) {
	t.Helper()
	avg, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	load, err := strconv.ParseFloat(strings.Fields(string(avg))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	load /= float64(runtime.NumCPU())
	now := NewStrain(t)
	stolen := (now.stolen - s.stolen) / max(now.total-s.total, 1)
	return fmt.Sprintf("a load of %.1f a core, %.1f %% of the time stolen", load, stolen*100), load > 1.5 || stolen > .02
}
