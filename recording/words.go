package recording

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/report"
	"livedub/session/spec"
	"livedub/store"
)

// Transcript is what was said in one language of a recording.
type Transcript struct {
	ID       string   `json:"id"`
	Lang     string   `json:"lang"`
	From     string   `json:"from"`
	AIDubbed bool     `json:"ai_dubbed"` // a machine made these words: false for what was spoken
	Duration float64  `json:"duration"`  // of the recording, s
	Phrases  []Spoken `json:"phrases"`   // in the order they were said
}

// Spoken is a phrase of a transcript. Times are seconds of recording time, null where
// none of it was recorded.
type Spoken struct {
	ID         int      `json:"id"`
	Start      *float64 `json:"start"`
	End        *float64 `json:"end"`
	SourceLang string   `json:"source_lang,omitempty"`
	SourceText string   `json:"source_text,omitempty"`
	Text       string   `json:"text,omitempty"`
	Outcome    string   `json:"outcome,omitempty"` // "played" or why not
}

// NewTranscript returns the transcript of one language from a session's rows; from is
// the language that was spoken.
func NewTranscript(id, from, lang string, clock Clock, phrases []store.Phrase) Transcript {
	out := Transcript{ID: id, Lang: lang, From: from, AIDubbed: lang != from, Duration: clock.Duration().Seconds(), Phrases: []Spoken{}}
	for _, p := range inOrder(phrases, lang) {
		s := Spoken{ID: p.ID, SourceLang: p.SourceLang, SourceText: p.SourceText, Text: p.Text, Outcome: p.Outcome}
		if start, end, ok := clock.Part(heard(p)); ok {
			s.Start, s.End = new(start.Seconds()), new(end.Seconds())
		}
		out.Phrases = append(out.Phrases, s)
	}
	return out
}

// NewCaptions returns the captions of one language as WebVTT, in recording time.
func NewCaptions(from, lang string, clock Clock, phrases []store.Phrase) []byte {
	var cues []report.Cue
	for _, p := range inOrder(phrases, lang) {
		text := cmp.Or(p.Text, p.SourceText)
		if lang != from {
			text = p.Text // what was not translated has no caption
		}
		start, end, ok := clock.Part(heard(p))
		if !ok || text == "" {
			continue
		}
		c := report.Cue{Start: start, End: end, Text: text}
		if lang == from && inference.Lang(from) == inference.Auto {
			c.Lang = inference.Lang(p.SourceLang)
		}
		cues = append(cues, c)
	}
	return report.VTT(cues)
}

// inOrder returns the phrases of one language in the order they were said, without
// those that nobody was to hear.
func inOrder(phrases []store.Phrase, lang string) []store.Phrase {
	out := slices.DeleteFunc(slices.Clone(phrases), func(p store.Phrase) bool { return p.Lang != lang || p.Outcome == string(spec.Dumped) })
	slices.SortStableFunc(out, func(a, b store.Phrase) int { return cmp.Compare(a.Start, b.Start) })
	return out
}

// heard returns when a phrase sounds, in source time: as it was dubbed, else as it was said.
func heard(p store.Phrase) (from, to time.Duration) {
	if p.Outcome == string(spec.Played) && p.DubStart != nil && p.DubEnd != nil {
		return *p.DubStart, *p.DubEnd
	}
	return p.Start, p.End
}

// Captions returns the captions of a language as WebVTT in recording time. It fails with store.ErrNotFound.
func (l *Library) Captions(ctx context.Context, id, lang string) ([]byte, error) {
	return l.words(ctx, id, lang, captionsName, func(h held, phrases []store.Phrase) ([]byte, error) {
		return NewCaptions(h.row.From, lang, h.clock, phrases), nil
	})
}

// Transcript returns a Transcript as JSON. It fails with store.ErrNotFound.
func (l *Library) Transcript(ctx context.Context, id, lang string) ([]byte, error) {
	return l.words(ctx, id, lang, transcriptName, func(h held, phrases []store.Phrase) ([]byte, error) {
		return json.Marshal(NewTranscript(id, h.row.From, lang, h.clock, phrases))
	})
}

// words returns a language's file of words: as it was written when the recording had
// ended, and before, from the journal's rows.
func (l *Library) words(ctx context.Context, id, lang, name string, from func(held, []store.Phrase) ([]byte, error)) ([]byte, error) {
	h, err := l.look(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !slices.ContainsFunc(h.row.Languages, func(r store.RecordedLanguage) bool { return r.Lang == lang }) && len(h.takes[lang]) == 0:
		return nil, store.ErrNotFound
	}
	if h.row.State != store.Growing {
		text, err := l.read(ctx, Dir(id)+lang+"/"+name)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return text, err
		}
	}
	b, err := l.rows(ctx, id)
	if err != nil {
		return nil, err
	}
	return from(h, b.Phrases)
}
