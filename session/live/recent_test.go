package live

import (
	"testing"
	"testing/synctest"
	"time"

	"livedub/session/spec"
)

func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecents()
		var passed int
		see := r.observe(spec.Observe{Late: func(time.Duration) { passed++ }, Offset: func(time.Duration) { passed++ }})
		is := func(what string, got *float64, want float64) {
			t.Helper()
			if got == nil || *got != want {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		if r.late.read() != nil || r.offset.read() != nil {
			t.Error("values of nothing")
		}
		for i := range 100 { // 0 to 990 ms over 50 s
			see.Late(time.Duration(i) * 10 * time.Millisecond)
			time.Sleep(500 * time.Millisecond)
		}
		is("lateness", r.late.read(), .94)
		for range 95 {
			see.Offset(-20 * time.Millisecond)
		}
		for range 5 {
			see.Offset(80 * time.Millisecond)
		}
		is("95 in 100 frames", r.offset.read(), .02)
		see.Offset(-45*time.Millisecond - time.Microsecond)
		is("six in 101", r.offset.read(), .046)
		if passed != 201 {
			t.Errorf("the histograms saw %d of 201 values", passed)
		}
		see.Late(-time.Second)
		see.Late(time.Hour)
		time.Sleep(2 * time.Minute)
		if r.late.read() != nil || r.offset.read() != nil {
			t.Error("values of two minutes ago are told")
		}
		see.Late(-time.Second)
		is("a dub that was early", r.late.read(), 0)
		see.Late(time.Hour)
		is("an hour", r.late.read(), 10)
	})
}
