package rtc

import (
	"testing"
	"time"
)

// viewerPath plays a viewer's path of a given width to the estimate, which is followed, for some seconds.
func viewerPath(e *estimate, from, seconds int, width func(second int) float64, follow float64) (rates []int) {
	for s := from; s < from+seconds; s++ {
		at := time.Duration(s) * time.Second
		rate := min(e.rate*1, follow)
		for i := range 10 {
			e.sent(int(rate/8/10), at+time.Duration(i)*100*time.Millisecond)
		}
		loss, rtt := 0.0, 30*time.Millisecond
		if w := width(s); rate > w {
			loss = (rate - w) / rate
			rtt = 400 * time.Millisecond
		}
		e.report(loss, rtt, at+950*time.Millisecond)
		bps, _ := e.news(at + 950*time.Millisecond)
		rates = append(rates, bps)
	}
	return rates
}

func TestEstimateFollowsThePath(t *testing.T) {
	e := newEstimate()
	width := func(s int) float64 {
		if s < 30 || s >= 60 {
			return 20e6
		}
		return 700e3
	}
	r := viewerPath(e, 0, 30, width, 50e6)
	if r[29] != maxBitrate {
		t.Errorf("on a wide path: %v", r)
	}
	r = viewerPath(e, 30, 30, width, 50e6)
	for _, bps := range r[12:] {
		if bps < 400_000 || bps > 900_000 {
			t.Errorf("on 700 kbit/s: %v", r)
			break
		}
	}
	r = viewerPath(e, 60, 40, width, 50e6)
	if r[39] < 5_000_000 {
		t.Errorf("did not recover: %v", r)
	}
	if r = viewerPath(e, 100, 100, func(int) float64 { return 1 }, 50e6); r[99] != minBitrate {
		t.Errorf("below the floor: %v", r)
	}
}

// TestEstimateForgivesOneBadReport: a hiccup is no congestion, and news are told at most once a second.
func TestEstimateForgivesOneBadReport(t *testing.T) {
	e := newEstimate()
	viewerPath(e, 0, 3, func(int) float64 { return 20e6 }, 300_000)
	before := e.rate
	e.report(0, time.Second, 4*time.Second)
	if e.rate < .8*before || e.rate >= before {
		t.Errorf("one bad report: %v, was %v", e.rate, before)
	}
	e.report(.2, time.Second, 5*time.Second)
	if e.rate > 300_000 {
		t.Errorf("two bad reports: %v", e.rate)
	}
	told := 0
	for i := range 100 {
		if _, changed := e.news(6*time.Second + time.Duration(i)*100*time.Millisecond); changed {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	r := viewerPath(e, 16, 12, func(int) float64 { return 20e6 }, 300_000)
	if r[11] < 1_500_000 {
		t.Errorf("recovers to %v within 12 s", r)
	}
}

// TestEstimateForgetsAShorterPath moves a viewer to a path that is longer, and no worse.
func TestEstimateForgetsAShorterPath(t *testing.T) {
	e := newEstimate()
	for s := range 610 {
		rtt := 20 * time.Millisecond
		if s >= 10 {
			rtt = 300 * time.Millisecond
		}
		e.report(0, rtt, time.Duration(s)*time.Second)
	}
	if e.rate != maxBitrate {
		t.Errorf("%.0f bit/s after ten minutes at 300 ms without loss", e.rate)
	}
}
