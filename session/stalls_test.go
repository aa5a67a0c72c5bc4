package session_test

import (
	"testing"
	"testing/synctest"

	"livedub/internal/bench/stalls"
)

// TestSlow breaks every stage and a sink in every way: nobody else may notice,
// and what broke works again 2 s after the fault's end.
func TestSlow(t *testing.T) {
	for _, stage := range stalls.Stages {
		for _, kind := range stalls.Kinds {
			t.Run(stage+" "+kind, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r, err := stalls.Run(t.Context(), stalls.Fault{Stage: stage, Kind: kind})
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("%+v", r)
					if r.OriginalSilentBlocks > 0 || r.OriginalDropped > 0 || r.OthersTouched > 0 {
						t.Error("the fault was noticed elsewhere")
					}
					if r.Felt == 0 && kind != "0.5s" && kind != "2s" {
						t.Error("the fault had no effect: nothing was tested")
					}
					if r.RecoveredS < 0 || r.RecoveredS > 2 {
						t.Errorf("it recovered %v s after its end", r.RecoveredS)
					}
				})
			})
		}
	}
}
