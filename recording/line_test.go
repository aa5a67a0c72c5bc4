package recording

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sec returns seconds as a duration.
func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// taken returns a take of segments from output time at to end.
func taken(name string, at, end float64) Take {
	t := Take{Name: name}
	for n := int64(sec(at) / SegmentLength); time.Duration(n)*SegmentLength < sec(end); n++ {
		from, to := max(sec(at), time.Duration(n)*SegmentLength), min(sec(end), time.Duration(n+1)*SegmentLength)
		t.Segments = append(t.Segments, Segment{N: n, At: from, Duration: to - from, Whole: to-from == SegmentLength, Bytes: 1})
	}
	return t
}

// TestLine: each moment once, whichever nodes have recorded it.
func TestLine(t *testing.T) {
	holed := taken("a", 1, 14)
	holed.Segments = append(holed.Segments[:1], holed.Segments[2:]...)
	for name, c := range map[string]struct {
		takes []Take
		want  string
	}{
		"none":                        {nil, ""},
		"one":                         {[]Take{taken("a", 1, 10)}, "a 1-4! a 4-8 a 8-10"},
		"a hole":                      {[]Take{holed}, "a 1-4! a 8-12! a 12-14"},
		"killed, opened elsewhere":    {[]Take{taken("a", 1, 8), taken("b", 11, 14)}, "a 1-4! a 4-8 b 11-12! b 12-14"},
		"handed over, whole segments": {[]Take{taken("a", 1, 13), taken("b", 6, 14)}, "a 1-4! a 4-8 b 8-12! b 12-14"},
		"handed over within one":      {[]Take{taken("b", 6, 14), taken("a", 1, 7)}, "a 1-4! a 4-6 b 6-8! b 8-12 b 12-14"},
		"one behind the other":        {[]Take{taken("a", 1, 6), taken("b", 6, 14)}, "a 1-4! a 4-6 b 6-8! b 8-12 b 12-14"},
		"within the other":            {[]Take{taken("b", 5, 6), taken("a", 1, 14)}, "a 1-4! a 4-8 a 8-12 a 12-14"},
		"the older one goes on":       {[]Take{taken("b", 1, 5), taken("a", 2, 7.5)}, "b 1-4! b 4-5 a 5-7.5!"},
		"twice the same":              {[]Take{taken("a", 0, 8), taken("b", 0, 8)}, "b 0-4! b 4-8"},
	} {
		var got []string
		for _, p := range Line(c.takes) {
			cut := ""
			if p.Cut {
				cut = "!"
			}
			got = append(got, fmt.Sprintf("%s %v-%v%s", p.Take.Name, p.From.Seconds(), p.To.Seconds(), cut))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, " "), c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "../x", "a/b", "a\x00b", ".hidden", "a b", "-x", strings.Repeat("x", 65), "ä"} {
		if ValidID(bad) || validLang(bad) || validTake.MatchString(bad) {
			t.Errorf("%q would be a part of a path", bad)
		}
	}
	early, late := takeName(2, time.UnixMilli(999), "zz"), takeName(10, time.UnixMilli(5), "aa")
	if !ValidID("0b5e7a3c-7d2f-4a55-9f0e-0d9f5a5d8a11") || !validLang("pt-BR") || !validTake.MatchString(early) || early >= late || takeName(2, time.UnixMilli(1000), "aa") <= early {
		t.Error(early, late)
	}
}
