package recognize

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// voices is a detector by loudness.
type voices struct{}

func (voices) Speech(frame []int16) (bool, error) { return frame[0] != 0, nil }

// echoes is a stream that makes each second of sound a phrase.
type echoes struct {
	lang  inference.Lang
	id    int
	heard time.Duration
	open  *int
}

func (e *echoes) Write(_ context.Context, s media.Samples) ([]inference.Phrase, error) {
	var out []inference.Phrase
	before := e.heard
	e.heard += s.Duration()
	if e.heard/time.Second > before/time.Second {
		e.id++
		out = append(out, inference.Phrase{ID: e.id, Lang: e.lang, Text: fmt.Sprint(e.lang, " ", s.PTS.Round(time.Second)), Final: true})
	}
	return out, nil
}
func (e *echoes) Flush(context.Context) ([]inference.Phrase, error) { return nil, nil }
func (e *echoes) Close() error                                      { *e.open--; return nil }

// TestAuto: sound waits for its language, none of it is lost, and another language
// takes over when it was told twice.
func TestAuto(t *testing.T) {
	told := []map[inference.Lang]float64{
		{"es": .4, "fr": .35, "pt": .25}, // not sure
		{"es": .7, "fr": .3},
		{"fr": .9, "es": .1}, // once: a guest's word
		{"es": .9, "fr": .1},
		{"fr": .9, "es": .1},
		{"fr": .95, "es": .05},
	}
	asked, open := 0, 0
	a := &autoStream{
		vad: NewVAD(voices{}, 300*time.Millisecond),
		tell: func(_ context.Context, speech []int16, _ []inference.Lang) (map[inference.Lang]float64, error) {
			if d := media.SamplesToTime(len(speech), sampleRate); d < tellAfter || d > tellAfter+time.Second {
				t.Errorf("a language was told by %v of speech", d)
			}
			asked++
			return told[min(asked, len(told))-1], nil
		},
		open: func(l inference.Lang) (inference.RecognizerStream, error) {
			open++
			return &echoes{lang: l, open: &open}, nil
		},
	}
	var got []string
	say := func(from, to time.Duration, loud int16) {
		for at := from; at < to; at += 20 * time.Millisecond {
			s := media.Samples{PTS: at, Rate: sampleRate, Channels: 1, Data: make([]int16, frameLen)}
			for i := range s.Data {
				s.Data[i] = loud
			}
			ps, err := a.Write(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range ps {
				got = append(got, fmt.Sprintf("%d:%s", p.ID, p.Text))
			}
		}
	}
	say(0, 5*time.Second, 0) // silence tells nothing
	if asked != 0 || len(got) != 0 {
		t.Fatalf("asked %d times, got %v", asked, got)
	}
	say(5*time.Second, 16*time.Second, 900) // told once, not surely
	if asked != 1 || open != 0 || len(got) != 0 {
		t.Fatalf("asked %d times, %d streams, got %v", asked, open, got)
	}
	say(16*time.Second, 40*time.Second, 900)
	all := strings.Join(got, " ")
	if asked != 5 || open != 1 || !strings.HasPrefix(all, "1:es 1s 2:es 2s 3:es 3s") || strings.Contains(all, "fr") {
		t.Fatalf("asked %d times, %d streams, got %v", asked, open, got)
	}
	say(40*time.Second, 46*time.Second, 900)
	all = strings.Join(got, " ")
	if asked != 6 || open != 1 || !strings.Contains(all, "fr") || len(got) < 43 {
		t.Fatalf("asked %d times, %d streams, got %v", asked, open, got)
	}
	for i, g := range got { // phrases count on over both streams
		if !strings.HasPrefix(g, fmt.Sprintf("%d:", i+1)) {
			t.Fatalf("phrase %d: %s", i+1, g)
		}
	}
	if err := a.Close(); err != nil || open != 0 {
		t.Fatalf("%v, %d streams are open", err, open)
	}
	if _, err := a.Write(t.Context(), media.Samples{Rate: sampleRate, Channels: 1}); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

// TestAutoOfLittle: a file that ends before six seconds of speech is heard too, where its language is sure.
func TestAutoOfLittle(t *testing.T) {
	for p, want := range map[float64]int{.9: 2, .6: 0} {
		open := 0
		a := &autoStream{
			vad: NewVAD(voices{}, 300*time.Millisecond),
			tell: func(context.Context, []int16, []inference.Lang) (map[inference.Lang]float64, error) {
				return map[inference.Lang]float64{"es": p, "fr": 1 - p}, nil
			},
			open: func(l inference.Lang) (inference.RecognizerStream, error) {
				open++
				return &echoes{lang: l, open: &open}, nil
			},
		}
		s := media.Samples{Rate: sampleRate, Channels: 1, Data: make([]int16, 2*sampleRate)}
		for i := range s.Data {
			s.Data[i] = 900
		}
		if _, err := a.Write(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		s.PTS = 2 * time.Second
		if _, err := a.Write(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		got, err := a.Flush(t.Context())
		if err != nil || len(got) != want {
			t.Errorf("%.1f: %v, %v", p, got, err)
		}
		a.Close()
	}
}

// TestAutoCatchesUp: sound that waits for its language is heard after a pause in calls
// of a few seconds each, until none is left.
func TestAutoCatchesUp(t *testing.T) {
	open := 0
	var asked [][]inference.Lang
	e := &echoes{lang: "es", open: &open}
	a := &autoStream{
		vad: NewVAD(voices{}, 300*time.Millisecond), among: []inference.Lang{"es", "fr"},
		tell: func(_ context.Context, _ []int16, among []inference.Lang) (map[inference.Lang]float64, error) {
			asked = append(asked, among)
			return map[inference.Lang]float64{"es": 1}, nil
		},
		open: func(inference.Lang) (inference.RecognizerStream, error) {
			open++
			return e, nil
		},
	}
	defer a.Close()
	const all = 25 * time.Second
	for at := time.Duration(0); at < all; at += 20 * time.Millisecond {
		s := media.Samples{PTS: at, Rate: sampleRate, Channels: 1, Data: make([]int16, frameLen)}
		if at >= all-2*time.Second {
			s.Data[0] = 900
		}
		if _, err := a.Write(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if a.Behind() || open != 0 {
		t.Fatal("heard before its language was told")
	}
	var stream inference.AutoStream = a
	stream.Choose([]inference.Lang{"es", "pt"})
	phrases, calls := 0, 0
	for behind := true; behind; behind = stream.Behind() {
		before := e.heard
		got, err := stream.Flush(t.Context())
		if err != nil || e.heard-before > catchUpAtEnd+time.Second {
			t.Fatalf("one call heard %v: %v", e.heard-before, err)
		}
		phrases, calls = phrases+len(got), calls+1
	}
	if phrases != 25 || calls < 7 || e.heard != all || len(asked) != 1 || len(asked[0]) != 2 || asked[0][1] != "pt" {
		t.Errorf("%d phrases in %d calls, %v heard; asked among %v", phrases, calls, e.heard, asked)
	}
}
