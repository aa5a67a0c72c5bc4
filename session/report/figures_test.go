package report

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/session/spec"
)

// TestEarVoicePairsWords: a dubbed word belongs to the source word at the same
// relative place, whichever side has more.
func TestEarVoicePairsWords(t *testing.T) {
	words := func(ends ...float64) (out []inference.Word) {
		for _, e := range ends {
			out = append(out, inference.Word{Start: time.Duration(e*1e9) - 1e8, End: time.Duration(e * 1e9)})
		}
		return out
	}
	at := func(starts ...float64) (out []inference.Word) {
		for _, s := range starts {
			out = append(out, inference.Word{Start: time.Duration(s * 1e9)})
		}
		return out
	}
	for name, c := range map[string]struct {
		source, dub []inference.Word
		want        []float64 // ms
	}{
		"one each":           {words(1, 2), at(0, 1), []float64{4000, 4000}},
		"a word becomes two": {words(1), at(0, .5), []float64{4000, 4500}},
		"two become one":     {words(1, 2), at(0), []float64{3000}}, // its middle lies in the second
		"no source words":    {nil, at(0), nil},
		"nothing said":       {words(1), nil, nil},
	} {
		rec := spec.Record{Phrase: inference.Phrase{Words: c.source}, Words: c.dub, DubStart: time.Second}
		if got := earVoice(rec, 4*time.Second); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		of      []float64
		p, want float64
	}{{[]float64{7}, 50, 7}, {[]float64{3, 1, 2}, 50, 2}, {[]float64{4, 3, 2, 1}, 50, 2}, {[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 95, 10}, {[]float64{2, 1}, 1, 1}} {
		if got := percentile(c.of, c.p); got == nil || *got != c.want {
			t.Errorf("the %v percentile of %v is %v, want %v", c.p, c.of, got, c.want)
		}
	}
	if percentile(nil, 50) != nil {
		t.Error("nothing has a percentile")
	}
}

// TestLive: what the page shows of a live dub, by its records and the last frames' offsets.
func TestLive(t *testing.T) {
	d := sampleState().Dubs[0]
	for i := range 99 {
		d.Skew = append(d.Skew, time.Duration(i-9)*time.Millisecond) // -9 to 89 ms
	}
	f := Live(d, 4*time.Second)
	if *f.Late.P50 != 200 || f.Late.Samples != 1 || *f.Span.P50 != 3000 || f.Frames.Dropped != 1 {
		t.Errorf("%+v", f)
	}
	if o := f.AVOffset; *o.P1 != -9 || *o.P50 != 40 || *o.P99 != 89 || o.Samples != 99 {
		t.Errorf("offset %v %v %v of %d", *o.P1, *o.P50, *o.P99, o.Samples)
	}
	if f := Live(spec.DubState{}, 0); f.Late.P50 != nil || f.AVOffset.P50 != nil {
		t.Errorf("figures of nothing: %+v", f)
	}
}

// TestReadRefusesWhatIsNone: a report that is not there, or is none.
func TestReadRefusesWhatIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if _, err := Read(path); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	for _, text := range []string{"", "[]", `{"phrases": 3}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
