package whip

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
)

const offerType = "application/sdp"

// publish is POST /whip/{session}.
func (s *Server) publish(w http.ResponseWriter, r *http.Request) error {
	if err := signaling.MayPublish(s.cfg.Sessions, signaling.From(r), r.PathValue("session")); err != nil {
		return err
	}
	offer, err := s.offer(w, r)
	if err != nil {
		return err
	}
	return s.answer(w, r, offer, func(ctx context.Context) (signaling.Joined, error) {
		req, err := s.request(r.PathValue("session"), r)
		if err != nil {
			return signaling.Joined{}, err
		}
		return signaling.Publish(ctx, s.cfg.Sessions, signaling.From(r), req, offer)
	})
}

// request is what the query asks for; on a known session it says nothing.
func (s *Server) request(id string, r *http.Request) (signaling.Request, error) {
	if _, err := s.cfg.Sessions.Get(id); err == nil || !signaling.From(r).MayName(id) {
		return signaling.Request{ID: id}, nil
	}
	q := r.URL.Query()
	req, err := signaling.QueryRequest(id, q)
	if !q.Has("consent") {
		req.Consent = signaling.From(r).Here() // then it is the operator who speaks
	}
	return req, err
}

// view is POST /whep/{session}/{lang}.
func (s *Server) view(w http.ResponseWriter, r *http.Request) error {
	who, id, lang := signaling.From(r), r.PathValue("session"), inference.Lang(r.PathValue("lang"))
	if _, err := signaling.MayView(s.cfg.Sessions, who, id, lang); err != nil {
		return err
	}
	offer, err := s.offer(w, r)
	if err != nil {
		return err
	}
	return s.answer(w, r, offer, func(ctx context.Context) (signaling.Joined, error) {
		return signaling.View(ctx, s.cfg.Sessions, who, id, lang, offer)
	})
}

// noLanguage is POST /whep/{session}, which cannot tell what is to be watched.
func (s *Server) noLanguage(_ http.ResponseWriter, r *http.Request) error {
	i, grant, err := signaling.Find(s.cfg.Sessions, signaling.From(r), r.PathValue("session"))
	switch {
	case err != nil:
		return err
	case !grant.Look():
		return signaling.Nothing()
	}
	return &signaling.Error{
		Kind:    signaling.ErrNotFound,
		Message: fmt.Sprintf("no language is named: session %q has %s", i.ID, i.Languages()),
		Hint:    "POST the offer to /whep/{session}/{lang}",
	}
}

// offer reads the SDP. curl's -d sends it as a form, and some clients name no type at all.
func (s *Server) offer(w http.ResponseWriter, r *http.Request) (string, error) {
	if err := s.limit.Allow(r); err != nil {
		return "", err
	}
	if err := signaling.ContentType(r, offerType, "text/plain", "application/x-www-form-urlencoded"); err != nil {
		return "", err
	}
	body, err := signaling.ReadBody(w, r, signaling.MaxOffer)
	if err != nil {
		return "", err
	}
	return string(body), signaling.CheckOffer(string(body))
}

// answer has an offer answered, keeps the peer and writes the 201.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, offer string,
	connect func(context.Context) (signaling.Joined, error)) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	defer context.AfterFunc(s.gate.Context(), cancel)()
	came, err := connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return s.whyDone(ctx)
		}
		return err
	}
	res := newResource(came, r.URL.Path, ufrags(offer))
	if err := s.keep(res); err != nil {
		res.unbind()
		_ = came.Peer.Close() // the endpoints are closing: there is nobody to tell
		return err
	}
	s.log.Info("peer connected", "session", r.PathValue("session"), "lang", r.PathValue("lang"), "peer", res.short())
	h := w.Header()
	h.Set("Content-Type", offerType)
	h.Set("Content-Length", strconv.Itoa(len(came.Answer)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Location", signaling.Prefix(r)+location(r, came)+"/"+res.id)
	h.Set("ETag", res.etag)
	h.Set("Accept-Patch", fragmentType)
	signaling.Link(h, s.cfg.ICEServers.For(r.PathValue("session")))
	if came.Created {
		handOut(h, signaling.Prefix(r), came)
	}
	w.WriteHeader(http.StatusCreated)
	// A client that is gone by now never completes ICE: the peer ends by itself.
	_, _ = w.Write([]byte(came.Answer))
	return nil
}

// location returns the path of the endpoint that a peer came in at, with the
// capability where that was there; who created the session gets one to publish again.
func location(r *http.Request, came signaling.Joined) string {
	session, lang := r.PathValue("session"), r.PathValue("lang")
	if lang != "" {
		return signaling.WithToken("whep", session, came.Grant.InPath()) + "/" + url.PathEscape(lang)
	}
	token := came.Grant.InPath()
	if came.Created {
		token = came.Grant.Token(access.Publish, "")
	}
	return signaling.WithToken("whip", session, token)
}

// handOut tells who created a session by naming it how to control it ("edit")
// and where each language is watched ("alternate"), by Link headers (RFC 8288).
func handOut(h http.Header, prefix string, came signaling.Joined) {
	id := came.Session.ID
	h.Add("Link", fmt.Sprintf(`<%s>; rel="edit"`, prefix+signaling.WithToken("v1/sessions", id, came.Grant.Token(access.Control, ""))))
	for _, l := range append([]inference.Lang{came.Session.From}, came.Session.To...) {
		at := prefix + signaling.WithToken("whep", id, came.Grant.Token(access.Watch, l)) + "/" + url.PathEscape(string(l))
		h.Add("Link", fmt.Sprintf(`<%s>; rel="alternate"; hreflang="%s"`, at, l))
	}
}

// whyDone tells a client why its ended context ended.
func (s *Server) whyDone(ctx context.Context) error {
	if s.gate.Context().Err() != nil {
		return signaling.ErrClosing
	}
	return ctx.Err()
}

// ufrags returns the ICE user fragments that an offer names.
func ufrags(offer string) []string {
	var out []string
	for line := range strings.Lines(offer) {
		if u, ok := strings.CutPrefix(strings.TrimSpace(line), "a=ice-ufrag:"); ok && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}
