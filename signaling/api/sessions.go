package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/signaling"
	"livedub/signaling/access"
)

// body is what POST /v1/sessions takes.
type body struct {
	From    inference.Lang   `json:"from"`
	To      []inference.Lang `json:"to"`
	Profile string           `json:"profile"`
	DelayMS *int             `json:"delay_ms"`
	Consent bool             `json:"consent"`
	Badge   *bool            `json:"badge"`

	Glossary []json.RawMessage `json:"glossary"`
	Keep     []string          `json:"keep"`

	Source json.RawMessage `json:"source"`

	KeepMouths bool   `json:"keep_mouths"`
	MouthsKey  string `json:"mouths_key"`
}

// pulled is whom the server asks for the speaker.
type pulled struct {
	URL string `json:"url"`
}

// change is what PATCH /v1/sessions/{id} takes, and dubChange what it takes for each dub.
type (
	change struct {
		To   *[]inference.Lang                  `json:"to"`
		Dubs map[inference.Lang]json.RawMessage `json:"dubs"`

		DelayMS *int `json:"delay_ms"` // which is refused

		Glossary *[]json.RawMessage `json:"glossary"`
		Keep     *[]string          `json:"keep"`
	}
	dubChange struct {
		Lips     *bool    `json:"lips"`
		Muted    *bool    `json:"muted"`
		Paused   *bool    `json:"paused"`
		Voice    *string  `json:"voice"`
		GainDB   *float64 `json:"gain_db"`
		Original *string  `json:"original"`
	}
)

// created is what POST answers: the session and its endpoints, each with a
// capability in its address. Who may only watch gets no WHIP, Control and Watch.
type created struct {
	ID         string                    `json:"id"`
	Epoch      string                    `json:"epoch"` // tells it from others that have borne its name
	From       inference.Lang            `json:"from"`
	To         []inference.Lang          `json:"to"`
	Profile    string                    `json:"profile"`
	DelayMS    int                       `json:"delay_ms"`
	WHIP       string                    `json:"whip,omitempty"`
	WHEP       map[inference.Lang]string `json:"whep"`          // the speaker's own language too
	HLS        string                    `json:"hls,omitempty"` // of all languages that may be watched, where the server has it
	Events     string                    `json:"events"`
	Control    string                    `json:"control,omitempty"` // the session itself: GET, PATCH, DELETE
	Watch      map[inference.Lang]string `json:"watch,omitempty"`   // the page, for people; languages can be switched there
	ICEServers []signaling.ICEServer     `json:"ice_servers,omitempty"`
	Fence      int64                     `json:"fence,omitempty"` // rises when another node of a cluster takes over: what has a lower one is out of date

	MouthsKey string `json:"mouths_key,omitempty"` // of the mouths that will be kept; told this once, to who created the session
}

// shown is what GET answers.
type shown struct {
	created
	State     string     `json:"state"`
	Consent   bool       `json:"consent"`
	ConsentAt *time.Time `json:"consent_at,omitempty"`
	Badge     bool       `json:"badge"`
	glossary.Words
	Created time.Time `json:"created"`
	Now     *float64  `json:"now,omitempty"`
	Dumps   int       `json:"dumps,omitempty"` // how often what had been said was dropped before it was heard

	Dubs map[inference.Lang]signaling.DubInfo `json:"dubs"`

	Stages        map[string]signaling.StageInfo `json:"stages,omitempty"`
	OwnVoice      int                            `json:"own_voice,omitempty"`
	DrainingUntil *time.Time                     `json:"draining_until,omitempty"`
	Mouths        *signaling.MouthsInfo          `json:"mouths,omitempty"`
	Recording     *signaling.RecordingState      `json:"recording,omitempty"`
	KeptMouths    *signaling.KeptMouths          `json:"kept_mouths,omitempty"`
	Outputs       []signaling.OutputInfo         `json:"outputs,omitempty"`
}

// create is POST /v1/sessions. It reads JSON whatever the content type says: curl -d says it is a form.
func (s *Server) create(w http.ResponseWriter, r *http.Request) error {
	who := signaling.From(r)
	if !who.MayCreate() {
		return signaling.Nothing()
	}
	var b body
	if err := s.read(w, r, &b); err != nil {
		return err
	}
	words, err := words(b.Glossary, b.Keep)
	if err != nil {
		return err
	}
	req := signaling.Request{ID: signaling.Assigned(r), From: b.From, To: b.To, Profile: b.Profile, DelayMS: b.DelayMS, Consent: b.Consent, Badge: b.Badge, Words: words, KeepMouths: b.KeepMouths, MouthsKey: b.MouthsKey}
	if err := req.Check(); err != nil {
		return err
	}
	if b.Source != nil {
		if !who.Operator() { // it is from this machine that the address is asked
			return signaling.ErrBadRequest.Errorf(`"source" is for the operator: have the speaker publish`)
		}
		var from pulled
		if err := signaling.Decode(b.Source, &from); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if req.Source = from.URL; req.Source == "" {
			return signaling.ErrBadRequest.Errorf(`"source" names no "url"`)
		}
	}
	info, err := s.cfg.Sessions.Create(r.Context(), req)
	if err != nil {
		return err
	}
	grant := who.Made(info)
	who.Audit("created", grant, info.ID)
	w.Header().Set("Location", signaling.Prefix(r)+signaling.WithToken("v1/sessions", info.ID, grant.Token(access.Control, "")))
	out := s.endpoints(signaling.BaseURL(r), info, grant)
	out.MouthsKey = info.MouthsKey
	signaling.WriteJSON(w, http.StatusCreated, out)
	return nil
}

// words returns what a request names, clean.
func words(entries []json.RawMessage, keep []string) (glossary.Words, error) {
	out := glossary.Words{Keep: keep}
	for i, data := range entries {
		var e glossary.Entry
		if err := signaling.Decode(data, &e); err != nil {
			return glossary.Words{}, fmt.Errorf("glossary entry %d: %w", i+1, err)
		}
		out.Glossary = append(out.Glossary, e)
	}
	out, err := out.Clean()
	if err != nil {
		return glossary.Words{}, signaling.ErrBadRequest.Because(err)
	}
	return out, nil
}

// read reads a request's JSON into the struct that v points to.
func (s *Server) read(w http.ResponseWriter, r *http.Request, v any) error {
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	data, err := signaling.ReadBody(w, r, signaling.MaxBody)
	if err != nil {
		return err
	}
	return signaling.Decode(data, v)
}

// change is PATCH /v1/sessions/{id}.
func (s *Server) change(w http.ResponseWriter, r *http.Request) error {
	grant, err := s.controlled(r)
	if err != nil {
		return err
	}
	var c change
	if err := s.read(w, r, &c); err != nil {
		return err
	}
	if c.DelayMS != nil {
		return fixedDelay()
	}
	on, controls := map[inference.Lang]bool{}, signaling.Controls{Dubs: map[inference.Lang]signaling.DubChange{}}
	for lang, data := range c.Dubs {
		var d dubChange
		if err := signaling.Decode(data, &d); err != nil {
			return fmt.Errorf("dub %.20q: %w", lang, err)
		}
		if d.Lips != nil {
			on[lang] = *d.Lips
		}
		if c := (signaling.DubChange{Muted: d.Muted, Paused: d.Paused, Voice: d.Voice, GainDB: d.GainDB, Original: d.Original}); c != (signaling.DubChange{}) {
			controls.Dubs[lang] = c
		}
	}
	if len(on) == 0 && controls.Empty() && c.To == nil && c.Glossary == nil && c.Keep == nil {
		return signaling.ErrBadRequest.Errorf(`nothing to change: send {"to":["es","ca"]}, {"dubs":{"es":{"lips":false,"muted":true}} or {"keep":["Torres"]}`)
	}
	id := r.PathValue("id")
	info, err := s.cfg.Sessions.Get(id)
	if err != nil {
		return err
	}
	named, err := c.words(info.Words)
	if err != nil {
		return err
	}
	if c.To != nil {
		if err := signaling.CheckTargets(*c.To); err != nil {
			return err
		}
		if info, err = s.cfg.Sessions.SetTargets(r.Context(), id, *c.To); err != nil {
			return err
		}
	}
	if !controls.Empty() {
		if info, err = s.cfg.Sessions.Control(id, controls); err != nil {
			return err
		}
	}
	if len(on) > 0 {
		if info, err = s.cfg.Sessions.SetLips(id, on); err != nil {
			return err
		}
	}
	if c.Glossary != nil || c.Keep != nil {
		if info, err = s.cfg.Sessions.SetWords(id, named); err != nil {
			return err
		}
	}
	signaling.From(r).Audit("changed", grant, info.ID)
	signaling.WriteJSON(w, http.StatusOK, s.show(signaling.BaseURL(r), info, grant))
	return nil
}

// words returns what the speaker will have named: each list as it is sent, or as it was.
func (c change) words(was glossary.Words) (glossary.Words, error) {
	var entries []json.RawMessage
	keep := was.Keep
	if c.Keep != nil {
		keep = *c.Keep
	}
	if c.Glossary != nil {
		entries = *c.Glossary
	}
	out, err := words(entries, keep)
	if err != nil || c.Glossary != nil {
		return out, err
	}
	out.Glossary = was.Glossary
	if out, err = out.Clean(); err != nil {
		return out, signaling.ErrBadRequest.Because(err)
	}
	return out, nil
}

// controlled returns the grant of a caller who may change and end the session.
func (s *Server) controlled(r *http.Request) (signaling.Grant, error) {
	_, grant, err := signaling.Find(s.cfg.Sessions, signaling.From(r), r.PathValue("id"))
	if err == nil && !grant.Control() {
		err = signaling.Nothing()
	}
	return grant, err
}

// list is GET /v1/sessions, for the operator.
func (s *Server) list(w http.ResponseWriter, r *http.Request) error {
	who := signaling.From(r)
	if !who.Operator() {
		return signaling.Nothing()
	}
	base, out := signaling.BaseURL(r), []shown{}
	for _, i := range s.cfg.Sessions.List() {
		out = append(out, s.show(base, i, who.Grant(i)))
	}
	refused := uint64(0)
	if s.cfg.Refused != nil {
		refused = s.cfg.Refused()
	}
	signaling.WriteJSON(w, http.StatusOK, map[string]any{"sessions": out, "recognizer": map[string]uint64{"refused_units": refused}})
	return nil
}

// get is GET /v1/sessions/{id}: who may only watch sees what that takes.
func (s *Server) get(w http.ResponseWriter, r *http.Request) error {
	i, grant, err := signaling.Find(s.cfg.Sessions, signaling.From(r), r.PathValue("id"))
	switch {
	case err != nil:
		return err
	case !grant.Look():
		return signaling.Nothing()
	}
	signaling.WriteJSON(w, http.StatusOK, s.show(signaling.BaseURL(r), i, grant))
	return nil
}

// remove is DELETE /v1/sessions/{id}: with erase=true what is kept of it is erased too.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) error {
	grant, err := s.controlled(r)
	if err != nil {
		return err
	}
	id, did := r.PathValue("id"), "ended"
	switch v := r.URL.Query().Get("erase"); v {
	case "", "false":
		err = s.cfg.Sessions.Delete(id)
	case "true":
		did, err = "erased", s.cfg.Sessions.Erase(r.Context(), id)
	default:
		return signaling.ErrBadRequest.Errorf("erase=%.20q: write true or false", v)
	}
	switch {
	case errors.Is(err, signaling.ErrNotFound): // it has just ended
		return signaling.Nothing()
	case err != nil:
		return err
	}
	signaling.From(r).Audit(did, grant, id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// languages is GET /v1/languages.
func (s *Server) languages(w http.ResponseWriter, _ *http.Request) error {
	pairs := s.cfg.Sessions.Pairs()
	if pairs == nil {
		pairs = []signaling.PairInfo{}
	}
	signaling.WriteJSON(w, http.StatusOK, struct {
		Pairs  []signaling.PairInfo `json:"pairs"`
		Record string               `json:"record,omitempty"` // of every session: "dubs", "all"; "" for nothing
		Keeps  bool                 `json:"keeps,omitempty"`  // there are /v1/recordings
		Mouths bool                 `json:"mouths,omitempty"` // speakers may have their mouths kept
	}{pairs, s.cfg.Record, s.cfg.Recordings != nil, s.cfg.KeepsMouths})
	return nil
}
