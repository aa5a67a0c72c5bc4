package fake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
)

const (
	rate     = 16000
	loud     = 500                    // mean absolute sample value that counts as sound
	window   = 10 * time.Millisecond  // how finely sound is told from silence
	hangover = 300 * time.Millisecond // silence that ends a unit
	maxUnit  = 3 * time.Second
)

// Recognizer calls every stretch of sound a phrase and gives it the next line of its script.
type Recognizer struct {
	// Script holds the phrases' texts in turn; nil for "phrase 1", "phrase 2", ...
	Script []string
	// Fail, if set, is asked at each Write; its error is returned instead.
	Fail func() error
}

func (r *Recognizer) Languages() []inference.Lang { return []inference.Lang{"en"} }

func (r *Recognizer) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	if l.Lang != "en" {
		return nil, fmt.Errorf("fake: %q: %w; there is en", l.Lang, inference.ErrUnsupported)
	}
	return &recognizerStream{r: r}, ctx.Err()
}

func (r *Recognizer) Close() error { return nil }

type recognizerStream struct {
	r      *Recognizer
	closed bool
	buf    []int16
	next   time.Duration // time of buf's first sample
	heard  bool          // anything written yet

	id          int
	start, last time.Duration // of the unit being spoken: onset, end of its last sound
	speaking    bool
}

func (s *recognizerStream) Write(ctx context.Context, in media.Samples) ([]inference.Phrase, error) {
	switch {
	case s.closed:
		return nil, errors.New("fake: write after close")
	case in.Rate != rate || in.Channels != 1:
		return nil, fmt.Errorf("fake: %d Hz with %d channels: mono %d Hz needed", in.Rate, in.Channels, rate)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if s.r.Fail != nil {
		if err := s.r.Fail(); err != nil {
			return nil, err
		}
	}
	end := s.next + media.SamplesToTime(len(s.buf), rate)
	if !s.heard || in.PTS > end+window {
		s.buf, s.next, s.heard = s.buf[:0], in.PTS, true
	}
	s.buf = append(s.buf, in.Data...)
	var out []inference.Phrase
	n := media.TimeToSamples(window, rate)
	for ; len(s.buf) >= n; s.buf, s.next = s.buf[n:], s.next+window {
		if p, ok := s.hear(s.buf[:n]); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// hear takes one window and returns the phrase that it ends or changes.
func (s *recognizerStream) hear(w []int16) (inference.Phrase, bool) {
	sum := 0
	for _, v := range w {
		sum += max(int(v), -int(v))
	}
	sounding := sum/len(w) >= loud
	now := s.next + window
	switch {
	case s.speaking && (s.next-s.last >= hangover || now-s.start > maxUnit):
		p := s.end()
		if sounding {
			s.begin(now)
		}
		return p, true
	case sounding && !s.speaking:
		s.begin(now)
		return s.phrase(false), true
	case sounding:
		s.last = now
	}
	return inference.Phrase{}, false
}

func (s *recognizerStream) begin(now time.Duration) {
	s.id++
	s.speaking, s.start, s.last = true, now-window, now
}

func (s *recognizerStream) end() inference.Phrase {
	s.speaking = false
	return s.phrase(true)
}

func (s *recognizerStream) phrase(final bool) inference.Phrase {
	text := fmt.Sprintf("phrase %d", s.id)
	if len(s.r.Script) > 0 {
		text = s.r.Script[(s.id-1)%len(s.r.Script)]
	}
	p := inference.Phrase{ID: s.id, Lang: "en", Text: text, Start: s.start, End: s.last, Final: final}
	p.Words = spread(text, s.start, s.last)
	return p
}

func (s *recognizerStream) Flush(ctx context.Context) ([]inference.Phrase, error) {
	if s.closed {
		return nil, errors.New("fake: flush after close")
	}
	s.buf, s.heard = nil, false
	if !s.speaking {
		return nil, ctx.Err()
	}
	return []inference.Phrase{s.end()}, ctx.Err()
}

func (s *recognizerStream) Close() error {
	s.closed = true
	return nil
}
