package stalls

import (
	"context"
	"math"
	"strings"
	"time"

	"livedub/inference"
	"livedub/media"
)

type recognizer struct {
	inference.Recognizer
	l *lab
}

func (r *recognizer) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	s, err := r.Recognizer.Open(ctx, l)
	return &recognizerStream{s, r.l}, err
}

type recognizerStream struct {
	inference.RecognizerStream
	l *lab
}

func (s *recognizerStream) Write(ctx context.Context, in media.Samples) ([]inference.Phrase, error) {
	garbage, err := s.l.breaks(ctx, in.Duration())
	if err != nil {
		return nil, err
	}
	out, err := s.RecognizerStream.Write(ctx, in)
	if garbage {
		out = append(out, inference.Phrase{ID: -7, Lang: "xx", Text: "\xff", Start: time.Hour, End: -time.Hour, Final: true})
	}
	return out, err
}

// translator breaks towards Spanish alone, as speaker does.
type translator struct {
	inference.Translator
	l *lab
}

func (t *translator) Translate(ctx context.Context, r inference.TranslationRequest) (string, error) {
	if r.Pair.To == "es" {
		if garbage, err := t.l.breaks(ctx, 3*time.Second); err != nil || garbage {
			return strings.Repeat("\xff", 1<<20), err
		}
	}
	return t.Translator.Translate(ctx, r)
}

type synthesizer struct {
	inference.Synthesizer
	l *lab
}

func (s *synthesizer) Speak(ctx context.Context, r inference.SpeechRequest) (inference.Speech, error) {
	if r.Lang == "es" {
		if garbage, err := s.l.breaks(ctx, 3*time.Second); err != nil || garbage {
			return inference.Speech{Sound: media.Samples{Rate: -1, Channels: 9}, Marks: []inference.Mark{{At: -time.Hour}}}, err
		}
	}
	return s.Synthesizer.Speak(ctx, r)
}

type faces struct {
	inference.FaceTracker
	l *lab
}

func (f *faces) Open(ctx context.Context) (inference.FaceStream, error) {
	s, err := f.FaceTracker.Open(ctx)
	return &faceStream{FaceStream: s, l: f.l, seen: map[time.Duration]bool{}}, err
}

// faceStream tells only of frames that were tracked, as a real one does.
type faceStream struct {
	inference.FaceStream
	l *lab

	seen map[time.Duration]bool
	bad  bool
}

func (s *faceStream) Track(ctx context.Context, f *media.Frame) error {
	garbage, err := s.l.breaksFrame(ctx)
	if err != nil {
		return err
	}
	mu.Lock()
	s.seen[f.PTS], s.bad = true, garbage
	mu.Unlock()
	return s.FaceStream.Track(ctx, f)
}

func (s *faceStream) Faces(t time.Duration) []inference.Face {
	mu.Lock()
	seen, bad := s.seen[t], s.bad
	mu.Unlock()
	switch {
	case bad:
		return []inference.Face{{Size: math.NaN()}}
	case !seen:
		return nil
	}
	return s.FaceStream.Faces(t)
}

// lips breaks the first dub's mouths.
type lips struct {
	inference.Lips
	inference.LipsSession
	l    *lab
	dubs int
}

func (l *lips) Open(ctx context.Context) (inference.LipsSession, error) {
	m, err := l.Lips.Open(ctx)
	l.LipsSession = m
	return l, err
}

func (l *lips) Close() error { return l.Lips.Close() }

func (l *lips) Dub(ctx context.Context) (inference.LipsStream, error) {
	s, err := l.LipsSession.Dub(ctx)
	mu.Lock()
	defer mu.Unlock()
	if l.dubs++; l.dubs > 1 {
		return s, err
	}
	return &lipsStream{s, l.l}, err
}

type lipsStream struct {
	inference.LipsStream
	l *lab
}

func (s *lipsStream) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	garbage, err := s.l.breaksFrame(ctx)
	if err != nil {
		return 0, err
	}
	if garbage {
		return 77, nil
	}
	return s.LipsStream.Render(ctx, r)
}
