package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

// waiting makes requests of "session:deadline" or "session:deadline:kind" in ms
// from start, "session:-" without one, in the order of service.
func waiting(t *testing.T, start time.Time, all string) (order []*request) {
	t.Helper()
	sessions := map[string]*session{}
	for _, one := range strings.Fields(all) {
		part := strings.Split(one, ":")
		if sessions[part[0]] == nil {
			sessions[part[0]] = &session{name: part[0]}
		}
		r := &request{of: sessions[part[0]], queued: start, ModelRequest: inference.ModelRequest{Session: part[0]}}
		if part[1] != "-" {
			d, err := time.ParseDuration(part[1] + "ms")
			if err != nil {
				t.Fatal(err)
			}
			r.Deadline = start.Add(d)
		}
		if len(part) > 2 {
			r.kind = part[2]
		}
		order = append(order, r)
	}
	return order
}

// TestChoose: which requests a batch takes of those that wait, on a device that
// takes 10 ms for one, 12 for two and 16 for four.
func TestChoose(t *testing.T) {
	start := time.Now()
	device := &speeds{}
	for i, ms := range []time.Duration{10, 12, 16} {
		device.all = append(device.all, newSpeed(1<<i, []time.Duration{ms * time.Millisecond}, start))
	}
	for name, c := range map[string]struct {
		order  string
		bucket int
		taken  string // their places in order
	}{
		"nothing waits":                            {"", 0, "[]"},
		"one":                                      {"a:100", 1, "[0]"},
		"three fill more of four than of two":      {"a:100 b:100 c:100", 4, "[0 1 2]"},
		"the largest serves most":                  {"a:100 b:100 c:100 d:100 e:100", 4, "[0 1 2 3]"},
		"one that the largest would be late for":   {"a:13 b:100 c:100 d:100", 2, "[0 1]"},
		"who is too late for any is left":          {"a:5 b:100", 1, "[1]"},
		"no session more than its share":           {"a:50 a:51 a:52 a:53 b:54 b:55", 4, "[0 1 4 5]"},
		"what others leave free is anybody's":      {"a:50 a:51 a:52 b:53", 4, "[0 1 3 2]"},
		"one shape a batch, that of the first":     {"a:50:x b:51:y c:52:x d:53:x", 4, "[0 2 3]"},
		"without a deadline last":                  {"a:50 b:- c:-", 4, "[0 1 2]"},
		"two now, so that the next two are served": {"a:12 b:12 c:25 d:25", 2, "[0 1]"},
	} {
		t.Run(name, func(t *testing.T) {
			order := waiting(t, start, c.order)
			before := slices.Clone(order)
			got := choose(order, device, start)
			places := []int{}
			for _, r := range got.items {
				places = append(places, slices.Index(before, r))
			}
			if got.bucket != c.bucket || fmt.Sprint(places) != c.taken {
				t.Errorf("a batch of %d: %v, want %d: %s", got.bucket, places, c.bucket, c.taken)
			}
			if again := choose(order, device, start); !slices.Equal(again.items, got.items) || !slices.Equal(order, before) {
				t.Error("the choice left a trace in what it chose of")
			}
		})
	}
}

// TestChooseUnderOverload: where more waits than can be served, the batch that
// serves most a second is taken, without those whom the least delay makes late.
func TestChooseUnderOverload(t *testing.T) {
	start := time.Now()
	device := &speeds{all: []speed{
		newSpeed(1, []time.Duration{10 * time.Millisecond}, start), newSpeed(4, []time.Duration{16 * time.Millisecond}, start),
	}}
	var all strings.Builder
	for i := range 64 {
		fmt.Fprintf(&all, "s%d:%d ", i, 17+i/2)
	}
	order := waiting(t, start, all.String())
	got := choose(order, device, start)
	if got.bucket != 4 || len(got.items) != 4 {
		t.Fatalf("a batch of %d with %d items", got.bucket, len(got.items))
	}
	for _, r := range got.items {
		if left := r.Deadline.Sub(start); left < 32*time.Millisecond {
			t.Errorf("taken with %v left", left)
		}
	}
}
