package netem

import (
	"math"
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// fates sends n packets of 1000 bytes, 1 ms apart.
func fates(seed uint64, f Faults, n int) (*link, [][]time.Duration) {
	l := &link{seed: seed, faults: f}
	out := make([][]time.Duration, n)
	for i := range out {
		out[i] = l.decide(time.Duration(i)*ms, 1000)
	}
	return l, out
}

func TestLossAndBursts(t *testing.T) {
	const n = 100000
	for _, c := range []struct{ loss, burst, wantBurst float64 }{
		{.05, 0, 1 / .95}, {.05, 4, 4}, {.3, 10, 10}, {.5, 1, 2}, {.01, 3, 3},
	} {
		for seed := range uint64(3) {
			l, all := fates(seed, Faults{Loss: c.loss, Burst: c.burst}, n)
			lost, bursts := 0, 0
			for i, at := range all {
				if at == nil {
					lost++
					if i == 0 || all[i-1] != nil {
						bursts++
					}
				}
			}
			// Four standard errors of a mean over bursts, whose lengths are geometric.
			tolerance := 4 / math.Sqrt(float64(bursts))
			rate, burst := float64(lost)/n, float64(lost)/float64(bursts)
			if math.Abs(rate/c.loss-1) > 1.5*tolerance || math.Abs(burst/c.wantBurst-1) > tolerance {
				t.Errorf("loss %v burst %v seed %d: lost %.4f in bursts of %.2f", c.loss, c.burst, seed, rate, burst)
			}
			if l.n.Lost != uint64(lost) || l.n.Received != n {
				t.Errorf("counted %+v, lost %d", l.n, lost)
			}
		}
	}
	for loss, want := range map[float64]uint64{0: 0, 1: 1000} {
		if l, _ := fates(1, Faults{Loss: loss, Burst: 5}, 1000); l.n.Lost != want {
			t.Errorf("loss %v lost %d of 1000", loss, l.n.Lost)
		}
	}
}

func TestFateDependsOnSeedAndCountAlone(t *testing.T) {
	f := Faults{Loss: .1, Burst: 3, Delay: 20 * ms, Jitter: 30 * ms, Reorder: true, Duplicate: .1}
	_, a := fates(1, f, 2000)
	_, b := fates(1, f, 2000)
	_, c := fates(2, f, 2000)
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed, two outcomes")
	}
	if reflect.DeepEqual(a, c) {
		t.Error("two seeds, one outcome")
	}
	// A setting that was changed for a while leaves the luck of later packets alone.
	l := &link{seed: 1, faults: f}
	for i := range 2000 {
		if i == 500 {
			l.set(Faults{Rate: 1000})
		} else if i == 600 {
			l.set(f)
		}
		got := l.decide(time.Duration(i)*ms, 1000)
		if i > 700 && !reflect.DeepEqual(got, a[i]) {
			t.Fatalf("packet %d: %v, without the change %v", i, got, a[i])
		}
	}
}

func TestDelayJitterAndOrder(t *testing.T) {
	for _, reorder := range []bool{false, true} {
		_, all := fates(5, Faults{Delay: 50 * ms, Jitter: 20 * ms, Reorder: reorder}, 5000)
		overtaken, last := 0, time.Duration(0)
		low, high := time.Hour, time.Duration(0)
		for i, at := range all {
			if len(at) != 1 {
				t.Fatalf("packet %d goes out %d times", i, len(at))
			}
			took := at[0] - time.Duration(i)*ms
			low, high = min(low, took), max(high, took)
			if at[0] < last {
				overtaken++
			}
			last = max(last, at[0])
		}
		if low < 50*ms || high > 70*ms || high < 69*ms || reorder && low > 51*ms {
			t.Errorf("reorder %v: packets took %v to %v", reorder, low, high)
		}
		if reorder != (overtaken > 1000) || !reorder && overtaken > 0 {
			t.Errorf("reorder %v: %d of 5000 overtaken", reorder, overtaken)
		}
	}
}

func TestDuplicates(t *testing.T) {
	l, all := fates(9, Faults{Duplicate: .2}, 10000)
	twice := 0
	for _, at := range all {
		if len(at) == 2 {
			twice++
		}
	}
	if twice < 1800 || twice > 2200 || l.n.Duplicated != uint64(twice) {
		t.Errorf("%d of 10000 came twice, counted %d", twice, l.n.Duplicated)
	}
}

func TestRateAndQueue(t *testing.T) {
	// 8.224 Mbit/s come in, 1 Mbit/s passes; 10000 bytes wait for 80 ms.
	l, all := fates(1, Faults{Rate: 1000000, Queue: 10000}, 2000)
	passed, longest := 0, time.Duration(0)
	var last time.Duration
	for i, at := range all {
		if at == nil {
			continue
		}
		passed++
		longest = max(longest, at[0]-time.Duration(i)*ms)
		if gap := at[0] - last; passed > 1 && gap < 8200*time.Microsecond {
			t.Fatalf("two packets of 1028 bytes pass %v apart", gap)
		}
		last = at[0]
	}
	if bits := float64(passed) * 1028 * 8 / 2.08; bits < 0.95e6 || bits > 1.01e6 {
		t.Errorf("%.0f bit/s passed", bits)
	}
	if longest < 80*ms || longest > 90*ms {
		t.Errorf("a packet waited %v at the most", longest)
	}
	if l.n.Squeezed != uint64(2000-passed) {
		t.Errorf("counted %d squeezed of %d", l.n.Squeezed, 2000-passed)
	}
}

func TestBadFaults(t *testing.T) {
	for _, f := range []Faults{{Loss: -.1}, {Loss: 1.1}, {Loss: math.NaN()}, {Duplicate: 2}, {Burst: -1}, {Burst: math.NaN()}, {Burst: math.Inf(1)},
		{Delay: -1}, {Jitter: time.Hour}, {Rate: -1}, {Queue: -1}} {
		if f.check() == nil {
			t.Errorf("%+v was taken", f)
		}
	}
}
