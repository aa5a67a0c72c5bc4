package signaling

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"livedub/inference"
)

// Keeper keeps sessions.
type Keeper interface {
	Create(ctx context.Context, r Request) (Info, error)
	Get(id string) (Info, error)
	Delete(id string) error
}

// Connector is a Keeper to whose sessions publishers and viewers connect.
type Connector interface {
	Keeper
	// Publish answers an offer to be the session's speaker. It fails with ErrNotFound,
	// ErrBusy, ErrBadOffer, ErrNoCodec or ErrFull. ctx bounds the answering, not the peer.
	Publish(ctx context.Context, id, offer string) (peer Peer, answer string, err error)
	// View answers an offer to watch one language; it does not wait for media to flow.
	View(ctx context.Context, id string, lang inference.Lang, offer string) (peer Peer, answer string, err error)
}

// Publish connects a speaker to the session that r names. An unknown one is
// created if open and r names its languages.
func Publish(ctx context.Context, c Connector, open bool, r Request, offer string) (Peer, string, error) {
	undo, err := ensure(ctx, c, open, r)
	if err != nil {
		return nil, "", err
	}
	peer, answer, err := c.Publish(ctx, r.ID, offer)
	if err != nil {
		undo()
	}
	return peer, answer, err
}

// View connects a viewer to one language of a session; one that it does not
// have is refused with a list of the others.
func View(ctx context.Context, c Connector, id string, lang inference.Lang, offer string) (Peer, string, error) {
	info, err := c.Get(id)
	if err != nil {
		return nil, "", err
	}
	if err := info.has(lang); err != nil {
		return nil, "", err
	}
	return c.View(ctx, id, lang, offer)
}

// ensure returns once the session exists. An unknown one is created if open
// and r names its languages; undo then takes back what was created, unless
// somebody has come to use it. On an error there is nothing to undo.
func ensure(ctx context.Context, k Keeper, open bool, r Request) (undo func(), err error) {
	nothing := func() {}
	_, err = k.Get(r.ID)
	if !errors.Is(err, ErrNotFound) || !open {
		return nothing, err
	}
	if r.From == "" || len(r.To) == 0 {
		e := Explain(err)
		e.Hint = `create it with POST /v1/sessions, or name its languages: ?from=en&to=es at a WHIP door, "from":"en","to":["es"] in a websocket's publish`
		e.cause = err
		return nothing, &e
	}
	if err := r.Check(); err != nil {
		return nothing, err
	}
	_, err = k.Create(ctx, r)
	switch {
	case errors.Is(err, ErrExists): // somebody was faster
		return nothing, nil
	case err != nil:
		return nothing, err
	}
	return func() {
		if i, err := k.Get(r.ID); err == nil && i.State == "new" {
			// It may have ended by itself meanwhile.
			_ = k.Delete(r.ID)
		}
	}, nil
}

// maxTargets bounds what one request may cost.
const maxTargets = 16

// Check refuses what is no request at all; what a session can be is the manager's to know.
func (r Request) Check() error {
	switch {
	case r.From == "":
		return ErrBadRequest.Errorf(`"from" is missing: name the language spoken, as "en"`)
	case len(r.To) == 0:
		return ErrBadRequest.Errorf(`"to" is missing: list the languages wanted, as ["es"]`)
	case len(r.To) > maxTargets:
		return ErrBadRequest.Errorf(`"to" lists %d languages: %d at most`, len(r.To), maxTargets)
	}
	for _, l := range append([]inference.Lang{r.From}, r.To...) {
		if !wellFormed(l) {
			return ErrBadRequest.Errorf("language %q: give an ISO 639-1 code, as \"en\"", clip(string(l)))
		}
	}
	return nil
}

func wellFormed(l inference.Lang) bool {
	return len(l) >= 2 && len(l) <= 8 && !strings.ContainsFunc(string(l), func(r rune) bool { return r < 'a' || r > 'z' })
}

// QueryRequest reads a request from a URL: from, to (repeated, or with commas),
// profile, delay_ms, consent, badge.
func QueryRequest(id string, q url.Values) (Request, error) {
	r := Request{ID: id, From: inference.Lang(q.Get("from")), Profile: q.Get("profile")}
	for _, l := range strings.Split(strings.Join(q["to"], ","), ",") {
		if l = strings.TrimSpace(l); l != "" {
			r.To = append(r.To, inference.Lang(l))
		}
	}
	if s := q.Get("delay_ms"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return r, ErrBadRequest.Errorf("delay_ms %q: give milliseconds, as 4000", clip(s))
		}
		r.DelayMS = &n
	}
	consent, err := flag(q, "consent")
	if err != nil {
		return r, err
	}
	r.Consent = consent != nil && *consent
	r.Badge, err = flag(q, "badge")
	return r, err
}

// flag reads true or false from a URL, nil where it says neither.
func flag(q url.Values, name string) (*bool, error) {
	s := q.Get(name)
	if s == "" {
		return nil, nil
	}
	ok, err := strconv.ParseBool(s)
	if err != nil {
		return nil, ErrBadRequest.Errorf("%s %q: give true or false", name, clip(s))
	}
	return &ok, nil
}
