package api

import (
	"net/http"

	"livedub/inference"
	"livedub/signaling"
)

// fixedDelay refuses to change D: all clocks of a session stand on it, viewers' too, and
// a change would repeat or leave out so much of picture and sound.
func fixedDelay() error {
	e := &signaling.Error{
		Kind: signaling.ErrBadRequest, Message: "delay_ms is fixed when a session is made: a change would make every viewer's picture and sound jump by it",
		Hint: "make another session with that delay, and have speaker and viewers go there",
	}
	return e
}

// dumped is what POST /v1/sessions/{id}/dump answers, and a dumped event.
type dumped struct {
	From    float64 `json:"from"` // s of output time: silence and black frames from here
	To      float64 `json:"to"`   // to here
	Phrases []int   `json:"phrases"`
}

func dumpedOf(d signaling.Dumped) dumped {
	out := dumped{d.From.Seconds(), d.To.Seconds(), d.Phrases}
	if out.Phrases == nil {
		out.Phrases = []int{}
	}
	return out
}

// dump is POST /v1/sessions/{id}/dump, for who controls the session. No limit of requests
// stands before it: what it is for cannot be taken back a second later.
func (s *Server) dump(w http.ResponseWriter, r *http.Request) error {
	grant, err := s.controlled(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	got, err := s.cfg.Sessions.Dump(id)
	if err != nil {
		return err
	}
	signaling.From(r).Audit("dumped", grant, id, "from", got.From, "to", got.To, "phrases", len(got.Phrases))
	signaling.WriteJSON(w, http.StatusOK, dumpedOf(got))
	return nil
}

// visemeSet is the name of the set that docs/SIGNALING.md has a table of.
const visemeSet = "livedub-15"

// spoken is a spoken event. Times are seconds of output time.
type spoken struct {
	Lang     inference.Lang `json:"lang"`
	ID       int            `json:"id"`
	Text     string         `json:"text"`
	Voice    string         `json:"voice,omitempty"`
	Start    float64        `json:"start"`
	End      float64        `json:"end"`
	Visemes  string         `json:"visemes"` // the name of the set
	Words    []spokenWord   `json:"words"`
	Phonemes []phoneme      `json:"phonemes"`
}

type spokenWord struct {
	Text  string  `json:"text"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

type phoneme struct {
	IPA    string  `json:"ipa"`
	Viseme string  `json:"viseme"`
	Start  float64 `json:"start"`
	End    float64 `json:"end"`
}

func spokenOf(s *signaling.Spoken) spoken {
	out := spoken{
		Lang: s.Lang, ID: s.ID, Text: s.Text, Voice: s.Voice, Start: s.Start.Seconds(), End: s.End.Seconds(), Visemes: visemeSet,
		Words: []spokenWord{}, Phonemes: []phoneme{},
	}
	for _, w := range s.Words {
		out.Words = append(out.Words, spokenWord{w.Text, w.Start.Seconds(), w.End.Seconds()})
	}
	for _, m := range s.Marks {
		out.Phonemes = append(out.Phonemes, phoneme{m.IPA, m.Viseme.String(), m.At.Seconds(), (m.At + m.Dur).Seconds()})
	}
	return out
}
