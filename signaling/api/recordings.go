package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/store"
)

// Recordings are what the endpoint shows of what is kept. All fail with
// store.ErrNotFound or store.ErrErased for what is not there, and for names that can be
// none; with store.ErrUnavailable while that cannot be told.
type Recordings interface {
	List(ctx context.Context, f store.Filter) (store.Page, error)
	// Get returns a recording, and how many phrases are known of it.
	Get(ctx context.Context, id string) (r store.Recording, phrases int, err error)
	// Playlist returns a language as HLS, whose addresses lie below its own.
	Playlist(ctx context.Context, id, lang string) ([]byte, error)
	// Captions returns a language as WebVTT, in recording time.
	Captions(ctx context.Context, id, lang string) ([]byte, error)
	// Transcript returns what was said, as JSON.
	Transcript(ctx context.Context, id, lang string) ([]byte, error)
	// Open returns the bytes of "LANG.mp4", "TAKE/init.mp4" or "TAKE/00000012.m4s" from
	// offset on, n at most; n < 0 is to its end. The caller closes it.
	Open(ctx context.Context, id, lang, file string, offset, n int64) (io.ReadCloser, store.Object, error)
	// Link returns an address of such a file elsewhere, under a name; "" for none.
	Link(ctx context.Context, id, lang, file, name string) (string, error)
	// Delete erases a recording and all words of its session.
	Delete(ctx context.Context, id string) error
}

// notice is what a recording's viewer has to be told.
const notice = "AI dubbed: a machine translated what was said, made the voice and may have re-rendered the mouth."

// recording is what GET answers. Times of it are seconds of recording time.
type recording struct {
	ID        string             `json:"id"`      // the session's epoch
	Session   string             `json:"session"` // its name
	From      string             `json:"from"`
	State     string             `json:"state"` // "growing", "whole", "cut_short"
	Why       string             `json:"why,omitempty"`
	Created   time.Time          `json:"created"`
	Ended     *time.Time         `json:"ended,omitempty"`
	Duration  float64            `json:"duration"`
	Bytes     int64              `json:"bytes"`
	Phrases   *int               `json:"phrases,omitempty"`
	AIDubbed  bool               `json:"ai_dubbed"`
	Notice    string             `json:"notice"`
	ConsentAt *time.Time         `json:"consent_at,omitempty"`
	Engines   map[string]string  `json:"engines,omitempty"`
	Languages []recordedLanguage `json:"languages"`         // that may be watched
	Control   string             `json:"control,omitempty"` // the recording itself, for who may delete it
	Watch     string             `json:"watch"`             // the page, for people
}

type recordedLanguage struct {
	Lang       string  `json:"lang"`
	Original   bool    `json:"original,omitempty"`
	Duration   float64 `json:"duration"`
	Bytes      int64   `json:"bytes"`
	Segments   int     `json:"segments"`
	Playlist   string  `json:"playlist,omitempty"` // HLS, until there is the file
	File       string  `json:"file,omitempty"`     // all of it in one MP4
	Captions   string  `json:"captions"`
	Transcript string  `json:"transcript"`
}

// registerRecordings adds the paths of what is kept.
func (s *Server) registerRecordings(route, own func(string, map[string]signaling.Handler)) {
	own("/v1/recordings", map[string]signaling.Handler{http.MethodGet: s.listRecordings})
	route("/v1/recordings/{id}", map[string]signaling.Handler{http.MethodGet: s.getRecording, http.MethodDelete: s.deleteRecording})
	route("/v1/recordings/{id}/{file}", map[string]signaling.Handler{http.MethodGet: s.whole})
	route("/v1/recordings/{id}/{lang}/{file}", map[string]signaling.Handler{http.MethodGet: s.ofLanguage})
	route("/v1/recordings/{id}/{lang}/{take}/{file}", map[string]signaling.Handler{http.MethodGet: s.segment})
}

// noRecording is the one answer for what is not there and for what the caller has no right to.
func noRecording() error {
	return &signaling.Error{Kind: signaling.ErrNotFound, Message: "no such recording, or no right to it",
		Hint: "use an address that GET /v1/recordings or the session's own answered, whole, or its capability as Bearer; the operator, programs on this machine and the page on it see all: docs/SIGNALING.md, Recordings"}
}

// refused says in the endpoint's words what the recordings said.
func refused(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrErased):
		return noRecording()
	case errors.Is(err, store.ErrUnavailable):
		return &signaling.Error{Kind: signaling.ErrFull, Message: "what is kept cannot be reached right now", Hint: "wait as long as Retry-After says, then try again"}
	}
	return err
}

// listRecordings is GET /v1/recordings.
func (s *Server) listRecordings(w http.ResponseWriter, r *http.Request) error {
	who := signaling.From(r)
	if !lists(who) {
		return noRecording()
	}
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	f, err := filter(r.URL.Query())
	if err != nil {
		return err
	}
	if err := within(who, &f); err != nil {
		return err
	}
	page, err := s.cfg.Recordings.List(r.Context(), f)
	switch {
	case errors.Is(err, store.ErrInvalid):
		return signaling.ErrBadRequest.Errorf("after: %.80q is not what an answer gave as next", f.After)
	case err != nil:
		return refused(err)
	}
	base, out := signaling.BaseURL(r), []recording{}
	for _, rec := range page.Recordings {
		if g := of(who, rec); g.Control() || slices.ContainsFunc(rec.Languages, func(l store.RecordedLanguage) bool { return g.Watch(inference.Lang(l.Lang)) }) {
			out = append(out, s.showRecording(base, rec, g))
		}
	}
	signaling.WriteJSON(w, http.StatusOK, struct {
		Recordings []recording `json:"recordings"`
		Next       string      `json:"next,omitempty"`
	}{out, page.Next})
	return nil
}

// maxAsked is how many recordings are told at a time.
const maxAsked = 1000

// filter reads what recordings are asked for.
func filter(q url.Values) (f store.Filter, err error) {
	for name, values := range q {
		value := values[0]
		if len(values) > 1 {
			return f, signaling.ErrBadRequest.Errorf("%.20q is asked for twice", name)
		}
		switch name {
		case "session":
			f.Session = value
		case "lang":
			f.Lang = value
		case "after":
			f.After = value
		case "state":
			states := []string{store.Growing, store.Whole, store.CutShort}
			if f.State = value; !slices.Contains(states, value) {
				return f, signaling.ErrBadRequest.Errorf("state: %.20q is none of %s", value, strings.Join(states, ", "))
			}
		case "limit":
			if f.Limit, err = strconv.Atoi(value); err != nil || f.Limit < 1 || f.Limit > maxAsked {
				return f, signaling.ErrBadRequest.Errorf("limit: %.20q is not a number from 1 to %d", value, maxAsked)
			}
		case "since":
			f.Since, err = date(value)
		case "before":
			f.Before, err = date(value)
		default:
			return f, signaling.ErrBadRequest.Errorf("%.20q is nothing to ask by: there are session, lang, state, since, before, limit and after", name)
		}
		if err != nil {
			return f, signaling.ErrBadRequest.Errorf("%s: %w", name, err)
		}
	}
	return f, nil
}

// date reads a day, or a time of one.
func date(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return t, fmt.Errorf("%.30q is no time: write 2026-11-27 or 2026-11-27T18:00:00Z", s)
	}
	return t, nil
}

// getRecording is GET /v1/recordings/{id}.
func (s *Server) getRecording(w http.ResponseWriter, r *http.Request) error {
	id, g, err := s.granted(r)
	if err != nil {
		return err
	}
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	rec, phrases, err := s.cfg.Recordings.Get(r.Context(), id)
	if err != nil {
		return refused(err)
	}
	out := s.showRecording(signaling.BaseURL(r), rec, g)
	out.Phrases = &phrases
	signaling.WriteJSON(w, http.StatusOK, out)
	return nil
}

// deleteRecording is DELETE /v1/recordings/{id}, for who controls the session.
func (s *Server) deleteRecording(w http.ResponseWriter, r *http.Request) error {
	id, g, err := s.granted(r)
	if err != nil {
		return err
	}
	if !g.Control() {
		return noRecording()
	}
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	// Of one that is erased something may be left here, where another node was told first.
	if _, _, err := s.cfg.Recordings.Get(r.Context(), id); err != nil && !errors.Is(err, store.ErrErased) {
		return refused(err)
	}
	if err := s.cfg.Recordings.Delete(r.Context(), id); err != nil {
		return refused(err)
	}
	signaling.From(r).Audit("recording deleted", g, id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// showRecording tells of a recording what the grant lets see.
func (s *Server) showRecording(base string, rec store.Recording, g signaling.Grant) recording {
	token := g.Brought() // whoever may only watch hands on what they have
	if g.Control() {
		token = g.Token(access.Watch, "")
	}
	out := recording{
		ID: rec.ID, Session: rec.Session, From: rec.From, State: rec.State, Why: rec.Why, Created: rec.Created,
		AIDubbed: true, Notice: notice, Engines: rec.Engines, Languages: []recordedLanguage{},
		Watch: base + signaling.WithToken("#/recordings", rec.ID, token),
	}
	if g.Control() {
		out.Control = base + signaling.WithToken("v1/recordings", rec.ID, g.Token(access.Control, ""))
	}
	if !rec.Ended.IsZero() {
		out.Ended = &rec.Ended
	}
	if !rec.Consent.IsZero() {
		out.ConsentAt = &rec.Consent
	}
	at := base + signaling.WithToken("v1/recordings", rec.ID, token) + "/"
	for _, l := range rec.Languages {
		if !g.Watch(inference.Lang(l.Lang)) {
			continue
		}
		lang := url.PathEscape(l.Lang)
		shown := recordedLanguage{
			Lang: l.Lang, Original: l.Original, Duration: l.Duration.Seconds(), Bytes: l.Bytes, Segments: l.Segments,
			Captions: at + lang + ".vtt", Transcript: at + lang + "/transcript.json",
		}
		if shown.Playlist = at + lang + "/index.m3u8"; l.File != "" {
			shown.Playlist, shown.File = "", at+lang+".mp4"
		}
		out.Languages = append(out.Languages, shown)
		out.Duration, out.Bytes = max(out.Duration, shown.Duration), out.Bytes+l.Bytes
	}
	return out
}
