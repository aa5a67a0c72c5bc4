package timeline

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the scenarios' answers anew; review them as a diff")

// TestScenarios runs testdata/*.txt: each line that starts with a command is
// answered by the indented lines below it.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			s := &scenario{}
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "  ") {
					continue
				}
				got.WriteString(line)
				if f := strings.Fields(strings.SplitN(line, "#", 2)[0]); len(f) > 0 {
					for _, answer := range s.do(t, f) {
						got.WriteString("  " + answer + "\n")
					}
				}
			}
			if *update {
				if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got.String() != string(text) {
				t.Errorf("plan differs (go test -update writes it anew):\n%s", got.String())
			}
		})
	}
}

type scenario struct {
	tl     *Timeline
	played time.Duration
}

func (s *scenario) do(t *testing.T, f []string) []string {
	t.Helper()
	switch f[0] {
	case "profile": // profile units|dub D freeze maxlate
		s.tl = New(Config{DuckUnits: f[1] == "units", Delay: at(t, f[2]), Freeze: at(t, f[3]), MaxLate: at(t, f[4]), Gain: .15})
		return nil
	case "hear": // hear NOW ID START-END [final]
		from, to := between(t, f[3])
		s.tl.Expect(at(t, f[1]), inference.Phrase{ID: number(t, f[2]), Start: from, End: to, Final: len(f) > 4})
		return nil
	case "mute": // mute START-END
		from, to := between(t, f[1])
		s.tl.Mute(inference.Phrase{Start: from, End: to})
		return nil
	case "drop":
		s.tl.Drop(number(t, f[1]))
		return nil
	case "room": // room NOW ID START-END
		from, to := between(t, f[3])
		fit, tight := s.tl.Room(at(t, f[1]), inference.Phrase{ID: number(t, f[2]), Start: from, End: to, Final: true})
		out := fmt.Sprintf("%.3f s", fit.Seconds())
		if tight {
			out += ", pauses short"
		}
		return []string{out}
	case "grow": // grow NOW ID START-END SECONDS
		from, to := between(t, f[3])
		dur := at(t, f[4])
		pl, err := s.tl.Grow(at(t, f[1]), inference.Phrase{ID: number(t, f[2]), Start: from, End: to, Final: true},
			make([]int16, media.TimeToSamples(dur, Rate)), []inference.Mark{{IPA: "a", Viseme: inference.VisemeA, Dur: dur}})
		if err != nil {
			t.Fatal(err)
		}
		return []string{fmt.Sprintf("%.3f-%.3f", pl.Start.Seconds(), pl.End.Seconds())}
	case "place": // place NOW ID START-END SECONDS [WORD-WORD ...]
		from, to := between(t, f[3])
		p := inference.Phrase{ID: number(t, f[2]), Start: from, End: to, Final: true}
		for _, w := range f[5:] {
			a, b := between(t, w)
			p.Words = append(p.Words, inference.Word{Start: a, End: b})
		}
		dur := at(t, f[4])
		pl, err := s.tl.Place(at(t, f[1]), p, make([]int16, media.TimeToSamples(dur, Rate)),
			[]inference.Mark{{IPA: "a", Viseme: inference.VisemeA, Dur: dur}})
		if errors.Is(err, ErrTooLate) {
			return []string{"too late"}
		}
		return []string{fmt.Sprintf("%.3f-%.3f late %d ms", pl.Start.Seconds(), pl.End.Seconds(), pl.Late.Milliseconds())}
	case "play": // play UNTIL: gain of the original, where it changes
		return s.play(at(t, f[1]))
	case "mouth": // mouth FROM-TO STEP: whose voice, and how much of the dub's mouth is shown
		from, to := between(t, f[1])
		var out []string
		last := ""
		for o := from; o <= to; o += at(t, f[2]) {
			m := s.tl.Mouth(o)
			word := fmt.Sprintf("%s %.2f", [...]string{"original", "dub", "nobody"}[m.Voice], m.Amount)
			if m.Voice == Nobody && m.Shape.Open > 0 {
				word += " open"
			}
			if word != last {
				out = append(out, fmt.Sprintf("%.2f %s", o.Seconds(), word))
				last = word
			}
		}
		return out
	}
	t.Fatalf("unknown command %q", f[0])
	return nil
}

// play mixes blocks of 20 ms and tells where the gain starts and stops moving.
func (s *scenario) play(until time.Duration) []string {
	const full = 20000
	var out []string
	last, moving := -1, false
	for ; s.played < until; s.played += 20 * time.Millisecond {
		block := make([]int16, Rate/50)
		for i := range block {
			block[i] = full
		}
		s.tl.Mix(s.played, block, 1)
		for i := 0; i < len(block); i += Rate / 1000 {
			v := int(block[i])
			at := s.played + media.SamplesToTime(i, Rate)
			if now := last >= 0 && v != last; now != moving || last < 0 {
				out = append(out, fmt.Sprintf("%.3f gain %.2f", at.Seconds(), float64(v)/full))
				moving = now
			}
			last = v
		}
	}
	return out
}

func at(t *testing.T, s string) time.Duration {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(v * float64(time.Second))
}

func between(t *testing.T, s string) (time.Duration, time.Duration) {
	t.Helper()
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		t.Fatalf("%q is no span", s)
	}
	return at(t, a), at(t, b)
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
