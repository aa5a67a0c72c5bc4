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

// Joined is a peer that came in by an offer.
type Joined struct {
	Peer    Peer
	Answer  string
	Session Info
	Grant   Grant // by which it came
	Created bool  // the session, for it
}

// Publish connects a speaker to the session that r names, if the caller may. An
// unknown one is created if the caller may name sessions and r names its languages.
func Publish(ctx context.Context, c Connector, who *Caller, r Request, offer string) (Joined, error) {
	j, err := ensure(ctx, c, who, r)
	if err != nil {
		return Joined{}, err
	}
	if j.Peer, j.Answer, err = c.Publish(ctx, r.ID, offer); err != nil {
		if j.Created {
			undo(c, r.ID)
		}
		return Joined{}, err
	}
	if j.Created {
		who.Audit("created", j.Grant, r.ID)
	}
	who.Audit("published", j.Grant, r.ID)
	return j, nil
}

// View connects a viewer to one language of a session, if the caller may; one
// that it does not have is refused with a list of the others.
func View(ctx context.Context, c Connector, who *Caller, id string, lang inference.Lang, offer string) (Joined, error) {
	j, err := MayView(c, who, id, lang)
	if err != nil {
		return Joined{}, err
	}
	if j.Peer, j.Answer, err = c.View(ctx, id, lang, offer); err != nil {
		return Joined{}, err
	}
	who.Audit("watched", j.Grant, id, "lang", string(lang))
	return j, nil
}

// MayView refuses who may not watch a language of a session, before an offer is
// read. It returns the session and the grant, as yet without a peer.
func MayView(k Keeper, who *Caller, id string, lang inference.Lang) (Joined, error) {
	info, grant, err := Find(k, who, id)
	switch {
	case err != nil:
		return Joined{}, err
	case !grant.Watch(lang):
		return Joined{}, Nothing()
	}
	return Joined{Session: info, Grant: grant}, info.has(lang)
}

// MayPublish refuses who may neither publish in a session nor create it, before an offer is read.
func MayPublish(k Keeper, who *Caller, id string) error {
	if _, err := k.Get(id); errors.Is(err, ErrNotFound) && who.MayName(id) {
		return nil
	}
	_, err := known(k, who, id)
	return err
}

// known returns a session that is there, where the caller may publish.
func known(k Keeper, who *Caller, id string) (Joined, error) {
	info, grant, err := Find(k, who, id)
	switch {
	case err != nil:
		return Joined{}, err
	case !grant.Publish():
		return Joined{}, Nothing()
	}
	return Joined{Session: info, Grant: grant}, nil
}

// Find returns a session and what the caller may do in it. Where that is
// nothing, the error is the same as for a session that is not there.
func Find(k Keeper, who *Caller, id string) (Info, Grant, error) {
	info, err := k.Get(id)
	switch {
	case errors.Is(err, ErrNotFound):
		return Info{}, Grant{}, Nothing()
	case err != nil:
		return Info{}, Grant{}, err
	}
	grant := who.Grant(info)
	if !grant.Any() {
		return Info{}, Grant{}, Nothing()
	}
	return info, grant, nil
}

// ensure returns once the session exists and the caller may publish in it. An
// unknown one is created if the caller may name sessions and r names its languages.
func ensure(ctx context.Context, k Keeper, who *Caller, r Request) (Joined, error) {
	_, err := k.Get(r.ID)
	if errors.Is(err, ErrNotFound) && who.MayName(r.ID) {
		info, err := create(ctx, k, r)
		switch {
		case err == nil:
			return Joined{Session: info, Grant: who.Made(info), Created: true}, nil
		case !errors.Is(err, ErrExists): // else somebody was faster
			return Joined{}, err
		}
	}
	return known(k, who, r.ID)
}

func create(ctx context.Context, k Keeper, r Request) (Info, error) {
	if r.From == "" || len(r.To) == 0 {
		return Info{}, &Error{
			Kind: ErrNotFound, Message: "no such session",
			Hint: `create it with POST /v1/sessions, or name its languages: ?from=en&to=es at a WHIP endpoint, "from":"en","to":["es"] in a websocket's publish`,
		}
	}
	if err := r.Check(); err != nil {
		return Info{}, err
	}
	return k.Create(ctx, r)
}

// undo takes back a session that was created for a peer which was refused then,
// unless somebody has come to use it.
func undo(k Keeper, id string) {
	if i, err := k.Get(id); err == nil && i.State == "new" {
		_ = k.Delete(id) // it may have ended by itself meanwhile
	}
}

// maxTargets bounds what one request may cost.
const maxTargets = 16

// Check refuses what is no request at all; what a session can be is the manager's to know.
func (r Request) Check() error {
	if r.From == "" {
		return ErrBadRequest.Errorf(`"from" is missing: name the language spoken, as "en"`)
	}
	if err := CheckTargets([]inference.Lang{r.From}); err != nil {
		return err
	}
	if (r.KeepMouths || r.MouthsKey != "") && !r.Consent {
		return ErrBadRequest.Errorf(`"keep_mouths" and "mouths_key" take "consent": true: mouths are neither kept nor shown without the speaker's consent`)
	}
	return CheckTargets(r.To)
}

// CheckTargets refuses languages that cannot be, none, and more than a session may have.
func CheckTargets(to []inference.Lang) error {
	if len(to) == 0 {
		return ErrBadRequest.Errorf(`"to" is missing: list the languages wanted, as ["es"]`)
	}
	if len(to) > maxTargets {
		return ErrBadRequest.Errorf(`"to" lists %d languages: %d at most`, len(to), maxTargets)
	}
	for _, l := range to {
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
