package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"livedub/inference"
	"livedub/signaling"
)

// body is what POST /v1/sessions takes.
type body struct {
	From    inference.Lang   `json:"from"`
	To      []inference.Lang `json:"to"`
	Profile string           `json:"profile"`
	DelayMS *int             `json:"delay_ms"`
	Consent bool             `json:"consent"`
	Badge   *bool            `json:"badge"`
}

// change is what PATCH /v1/sessions/{id} takes, and dubChange what it takes for each dub.
type (
	change struct {
		Dubs map[inference.Lang]json.RawMessage `json:"dubs"`
	}
	dubChange struct {
		Lips *bool `json:"lips"`
	}
)

// created is what POST answers: the session and its doors.
type created struct {
	ID         string                    `json:"id"`
	From       inference.Lang            `json:"from"`
	To         []inference.Lang          `json:"to"`
	Profile    string                    `json:"profile"`
	DelayMS    int                       `json:"delay_ms"`
	WHIP       string                    `json:"whip"`
	WHEP       map[inference.Lang]string `json:"whep"` // the speaker's own language too
	Events     string                    `json:"events"`
	ICEServers []signaling.ICEServer     `json:"ice_servers,omitempty"`
}

// shown is what GET answers.
type shown struct {
	created
	State     string                               `json:"state"`
	Consent   bool                                 `json:"consent"`
	ConsentAt *time.Time                           `json:"consent_at,omitempty"`
	Badge     bool                                 `json:"badge"`
	Created   time.Time                            `json:"created"`
	Now       *float64                             `json:"now,omitempty"`
	Dubs      map[inference.Lang]signaling.DubInfo `json:"dubs"`
}

// create is POST /v1/sessions. It reads JSON whatever the content type says: curl -d says it is a form.
func (s *Server) create(w http.ResponseWriter, r *http.Request) error {
	var b body
	if err := s.read(w, r, &b); err != nil {
		return err
	}
	req := signaling.Request{From: b.From, To: b.To, Profile: b.Profile, DelayMS: b.DelayMS, Consent: b.Consent, Badge: b.Badge}
	if err := req.Check(); err != nil {
		return err
	}
	info, err := s.cfg.Sessions.Create(r.Context(), req)
	if err != nil {
		return err
	}
	w.Header().Set("Location", signaling.Prefix(r)+"/v1/sessions/"+url.PathEscape(info.ID))
	signaling.WriteJSON(w, http.StatusCreated, s.doors(signaling.BaseURL(r), info))
	return nil
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
	var c change
	if err := s.read(w, r, &c); err != nil {
		return err
	}
	on := map[inference.Lang]bool{}
	for lang, data := range c.Dubs {
		var d dubChange
		if err := signaling.Decode(data, &d); err != nil {
			return fmt.Errorf("dub %.20q: %w", lang, err)
		}
		if d.Lips != nil {
			on[lang] = *d.Lips
		}
	}
	if len(on) == 0 {
		return signaling.ErrBadRequest.Errorf(`nothing to change: send {"dubs":{"es":{"lips":false}}}`)
	}
	info, err := s.cfg.Sessions.SetLips(r.PathValue("id"), on)
	if err != nil {
		return err
	}
	signaling.WriteJSON(w, http.StatusOK, s.show(signaling.BaseURL(r), info))
	return nil
}

// list is GET /v1/sessions.
func (s *Server) list(w http.ResponseWriter, r *http.Request) error {
	base, out := signaling.BaseURL(r), []shown{}
	for _, i := range s.cfg.Sessions.List() {
		out = append(out, s.show(base, i))
	}
	signaling.WriteJSON(w, http.StatusOK, map[string]any{"sessions": out})
	return nil
}

// get is GET /v1/sessions/{id}.
func (s *Server) get(w http.ResponseWriter, r *http.Request) error {
	i, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	signaling.WriteJSON(w, http.StatusOK, s.show(signaling.BaseURL(r), i))
	return nil
}

// remove is DELETE /v1/sessions/{id}.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) error {
	if err := s.cfg.Sessions.Delete(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// languages is GET /v1/languages.
func (s *Server) languages(w http.ResponseWriter, _ *http.Request) error {
	pairs := s.cfg.Sessions.Pairs()
	if pairs == nil {
		pairs = []signaling.PairInfo{}
	}
	signaling.WriteJSON(w, http.StatusOK, map[string]any{"pairs": pairs})
	return nil
}

func (s *Server) doors(base string, i signaling.Info) created {
	id := url.PathEscape(i.ID)
	c := created{
		ID: i.ID, From: i.From, To: i.To, Profile: i.Profile, DelayMS: i.DelayMS,
		WHIP: base + "/whip/" + id, WHEP: map[inference.Lang]string{},
		Events: base + "/v1/sessions/" + id + "/events", ICEServers: s.cfg.ICEServers,
	}
	for _, l := range append([]inference.Lang{i.From}, i.To...) {
		c.WHEP[l] = base + "/whep/" + id + "/" + url.PathEscape(string(l))
	}
	return c
}

func (s *Server) show(base string, i signaling.Info) shown {
	out := shown{
		created: s.doors(base, i), State: i.State, Consent: i.Consent != nil, ConsentAt: i.Consent, Badge: i.Badge, Created: i.Created, Now: i.Now,
		Dubs: map[inference.Lang]signaling.DubInfo{},
	}
	for l, d := range i.Dubs { // a page reads them without asking whether they are there
		d.LateMS, d.EarVoiceSpanMS, d.AVOffsetMS = orEmpty(d.LateMS), orEmpty(d.EarVoiceSpanMS), orEmpty(d.AVOffsetMS)
		if d.Frames == nil {
			d.Frames = map[string]int{}
		}
		out.Dubs[l] = d
	}
	return out
}

func orEmpty(f signaling.Figures) signaling.Figures {
	if f == nil {
		return signaling.Figures{}
	}
	return f
}
