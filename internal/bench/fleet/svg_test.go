package fleet

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestSVG: pictures are XML that says what is on it, has colours for the dark, and no number that is none.
func TestSVG(t *testing.T) {
	f := Figures{Policies: []Result{
		{Name: notesWarm, Trace: "a <crowd>", Goal: true, BlockedPct: 3, GPUHours: 10, Series: []Sample{{0, 1, 5, 1}, {10, 7, 5, 1}}},
		{Name: oursWarm, Trace: "a <crowd>", Goal: true, HeldOut: true, BlockedPct: 1, GPUHours: 11, Series: []Sample{{0, 1, 5, 1}, {10, 7, 10, 2}}},
	}}
	for name, c := range map[string]struct {
		svg  []byte
		want string
	}{
		"trace":   {TraceSVG(f, "a <crowd>", [2]string{notesWarm, oursWarm}), "places: ours, warm pool"},
		"empty":   {TraceSVG(Figures{}, "none", [2]string{"a", "b"}), "none"},
		"summary": {SummarySVG(f), "11.0 (1.10)"},
	} {
		if !strings.Contains(string(c.svg), c.want) || !strings.Contains(string(c.svg), "prefers-color-scheme: dark") || strings.Contains(string(c.svg), "NaN") {
			t.Errorf("%s:\n%s", name, c.svg)
		}
		dec := xml.NewDecoder(bytes.NewReader(c.svg))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if got := Slug("flash crowd, higher"); got != "flash-crowd-higher" {
		t.Error(got)
	}
}
