package inferencetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// TestRecognizer checks the contract of inference.Recognizer. open makes a
// recognizer, which the suite closes. speech is mono 16 kHz sound of one
// speaker that begins and ends with half a second of silence, said in the
// first of the recognizer's languages; want are its words in lower case.
func TestRecognizer(t *testing.T, open func(t *testing.T) inference.Recognizer, speech media.Samples, want []string) {
	r := open(t)
	defer func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	langs := r.Languages()
	if len(langs) == 0 {
		t.Fatal("Languages is empty")
	}
	c := &recognizerCase{r, langs[0], speech, want}
	t.Run("unknown language", c.unknownLanguage)
	t.Run("phrases", c.phrases)
	t.Run("flush", c.flush)
	t.Run("cancel", c.cancel)
	t.Run("close", c.close)
}

type recognizerCase struct {
	r      inference.Recognizer
	lang   inference.Lang
	speech media.Samples
	want   []string
}

func (c *recognizerCase) open(t *testing.T) inference.RecognizerStream {
	t.Helper()
	s, err := c.r.Open(t.Context(), inference.Listening{Lang: c.lang})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (c *recognizerCase) unknownLanguage(t *testing.T) {
	_, err := c.r.Open(t.Context(), inference.Listening{Lang: "xx"})
	if !errors.Is(err, inference.ErrUnsupported) {
		t.Fatalf("Open(xx) = %v, want ErrUnsupported", err)
	}
	for _, l := range c.r.Languages() {
		if !strings.Contains(err.Error(), string(l)) {
			t.Errorf("%q does not name %q", err, l)
		}
	}
}

// say writes the speech in chunks of 20 ms, shifted by d.
func (c *recognizerCase) say(t *testing.T, s inference.RecognizerStream, d time.Duration) []inference.Phrase {
	t.Helper()
	var out []inference.Phrase
	n := c.speech.Rate / 50
	for i := 0; i < len(c.speech.Data); i += n {
		ps, err := s.Write(t.Context(), media.Samples{
			PTS:      c.speech.PTS + d + media.SamplesToTime(i, c.speech.Rate),
			Rate:     c.speech.Rate,
			Channels: 1,
			Data:     slices.Clone(c.speech.Data[i:min(i+n, len(c.speech.Data))]),
		})
		if err != nil {
			t.Fatalf("Write: %v", err)
		}
		out = append(out, ps...)
	}
	return out
}

// phrases hears the speech twice in one stream.
func (c *recognizerCase) phrases(t *testing.T) {
	s := c.open(t)
	ps := c.say(t, s, 0)
	ps = append(ps, c.say(t, s, c.speech.Duration())...)
	rest, err := s.Flush(t.Context())
	if err != nil {
		t.Fatalf("Flush: %v", err)
	}
	ps = append(ps, rest...)
	c.check(t, ps, c.speech.PTS, c.speech.PTS+2*c.speech.Duration())
	c.checkWords(t, ps, 2)
}

// check holds phrases, final and partial in the order returned, to the contract.
func (c *recognizerCase) check(t *testing.T, ps []inference.Phrase, from, to time.Duration) {
	t.Helper()
	lastID, last := 0, from
	for _, p := range ps {
		if p.ID != lastID+1 {
			t.Errorf("phrase %q has id %d, want %d: that of the next final phrase", p.Text, p.ID, lastID+1)
		}
		if p.Lang != c.lang {
			t.Errorf("phrase %d is in %q", p.ID, p.Lang)
		}
		if p.Start < last || p.End < p.Start || p.End > to {
			t.Errorf("phrase %d lasts %v..%v, not within %v..%v", p.ID, p.Start, p.End, last, to)
		}
		at := p.Start
		for _, w := range p.Words {
			if w.Start < at || w.End < w.Start || w.End > p.End {
				t.Errorf("phrase %d %v..%v: word %q lasts %v..%v", p.ID, p.Start, p.End, w.Text, w.Start, w.End)
			}
			if w.Confidence < 0 || w.Confidence > 1 {
				t.Errorf("word %q has confidence %v", w.Text, w.Confidence)
			}
			at = w.End
		}
		if !p.Final {
			continue
		}
		if strings.TrimSpace(p.Text) == "" || len(p.Words) == 0 {
			t.Errorf("final phrase %d %q has %d words", p.ID, p.Text, len(p.Words))
		}
		if n := len(p.Words); n > 0 && (p.Words[0].Start != p.Start || p.Words[n-1].End != p.End) {
			t.Errorf("phrase %d lasts %v..%v, its words %v..%v", p.ID, p.Start, p.End, p.Words[0].Start, p.Words[n-1].End)
		}
		lastID, last = p.ID, p.End
	}
	if n := len(ps); n > 0 && !ps[n-1].Final {
		t.Errorf("partial phrase %d %q was never made final", ps[n-1].ID, ps[n-1].Text)
	}
}

// checkWords wants most of the words, said the given number of times.
func (c *recognizerCase) checkWords(t *testing.T, ps []inference.Phrase, times int) {
	t.Helper()
	heard := make(map[string]int)
	for _, p := range ps {
		if !p.Final {
			continue
		}
		for _, w := range p.Words {
			heard[strings.ToLower(strings.Trim(w.Text, ".,!?"))]++
		}
	}
	found := 0
	for range times {
		for _, w := range c.want {
			if heard[w] > 0 {
				heard[w]--
				found++
			}
		}
	}
	if n := times * len(c.want); found*10 < n*7 {
		t.Errorf("%d of %d words heard", found, n)
	}
}

// flush ends a unit in the middle of speech and goes on.
func (c *recognizerCase) flush(t *testing.T) {
	s := c.open(t)
	if ps, err := s.Flush(t.Context()); err != nil || len(ps) > 0 {
		t.Errorf("Flush of nothing = %v, %v", ps, err)
	}
	cut := c.speech
	cut.Data = cut.Data[:len(cut.Data)*2/3]
	ps, err := s.Write(t.Context(), cut)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	rest, err := s.Flush(t.Context())
	if err != nil {
		t.Fatalf("Flush: %v", err)
	}
	ps = append(ps, rest...)
	if n := len(ps); n == 0 || !ps[n-1].Final {
		t.Fatalf("Flush left the unit open: %v", ps)
	}
	if again, err := s.Flush(t.Context()); err != nil || len(again) > 0 {
		t.Errorf("second Flush = %v, %v", again, err)
	}
	later := c.speech.Duration()
	ps = append(ps, c.say(t, s, later)...)
	if rest, err = s.Flush(t.Context()); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	ps = append(ps, rest...)
	c.check(t, ps, c.speech.PTS, c.speech.PTS+later+c.speech.Duration())
	c.checkWords(t, ps, 1)
}

func (c *recognizerCase) cancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := c.r.Open(ctx, inference.Listening{Lang: c.lang}); !errors.Is(err, context.Canceled) {
		if err == nil {
			s.Close()
		}
		t.Errorf("Open with a cancelled context = %v", err)
	}
	s := c.open(t)
	if _, err := s.Write(ctx, c.speech); !errors.Is(err, context.Canceled) {
		t.Errorf("Write with a cancelled context = %v", err)
	}
	if _, err := s.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush with a cancelled context = %v", err)
	}
}

func (c *recognizerCase) close(t *testing.T) {
	s := c.open(t)
	half := c.speech
	half.Data = half.Data[:len(half.Data)/2]
	if _, err := s.Write(t.Context(), half); err != nil {
		t.Fatalf("Write: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close in the middle of speech: %v", err)
		}
	}
	if _, err := s.Write(t.Context(), c.speech); err == nil {
		t.Error("Write after Close succeeded")
	}
	if _, err := s.Flush(t.Context()); err == nil {
		t.Error("Flush after Close succeeded")
	}
	c.checkWords(t, c.afterClose(t), 1)
}

// afterClose hears the speech in a stream that may have been given the closed one's engine.
func (c *recognizerCase) afterClose(t *testing.T) []inference.Phrase {
	t.Helper()
	s := c.open(t)
	ps := c.say(t, s, 0)
	rest, err := s.Flush(t.Context())
	if err != nil {
		t.Fatalf("Flush: %v", err)
	}
	return append(ps, rest...)
}
