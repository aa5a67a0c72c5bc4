package streamkey

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/ledger"
)

// API is /v1/keys, for the operator alone.
type API struct {
	store ledger.Store
	log   *slog.Logger
}

// NewAPI returns the endpoint for the keys in store.
func NewAPI(store ledger.Store, log *slog.Logger) *API { return &API{store, log} }

// Register adds the endpoint's paths to mux.
func (a *API) Register(mux *http.ServeMux) {
	route := func(path string, by map[string]signaling.Handler) {
		for m, h := range by {
			by[m] = func(w http.ResponseWriter, r *http.Request) error {
				if !signaling.From(r).Operator() {
					return signaling.Nothing()
				}
				return h(w, r)
			}
		}
		signaling.Route(mux, a.log, signaling.OwnOrigin, path, by)
	}
	route("/v1/keys", map[string]signaling.Handler{http.MethodGet: a.list, http.MethodPost: a.create})
	route("/v1/keys/{name}", map[string]signaling.Handler{http.MethodDelete: a.remove})
	route("/v1/keys/{name}/rotate", map[string]signaling.Handler{http.MethodPost: a.rotate})
}

// Shown is a key as the API and livedub key tell it: without its secret, but once.
type Shown struct {
	Name    string           `json:"name"`
	Key     string           `json:"key,omitempty"` // of a key that was just made
	From    inference.Lang   `json:"from"`
	To      []inference.Lang `json:"to"`
	Consent bool             `json:"consent"`
	Profile string           `json:"profile,omitempty"`
	DelayMS *int64           `json:"delay_ms,omitempty"`
	Created time.Time        `json:"created"`
}

// Show returns a spec as it is told.
func (s Spec) Show() Shown {
	out := Shown{Name: s.Name, From: s.From, To: s.To, Consent: s.Consent, Profile: s.Profile, Created: s.Created}
	if s.Delay != nil {
		out.DelayMS = new(s.Delay.Milliseconds())
	}
	return out
}

func (a *API) list(w http.ResponseWriter, r *http.Request) error {
	all, err := List(r.Context(), a.store)
	if err != nil {
		return unreachable(err)
	}
	out := []Shown{}
	for _, s := range all {
		out = append(out, s.Show())
	}
	signaling.WriteJSON(w, http.StatusOK, map[string]any{"keys": out})
	return nil
}

func (a *API) create(w http.ResponseWriter, r *http.Request) error {
	data, err := signaling.ReadBody(w, r, signaling.MaxBody)
	if err != nil {
		return err
	}
	var b struct {
		Name    string           `json:"name"`
		From    inference.Lang   `json:"from"`
		To      []inference.Lang `json:"to"`
		Consent bool             `json:"consent"`
		Profile string           `json:"profile"`
		DelayMS *int64           `json:"delay_ms"`
	}
	if err := signaling.Decode(data, &b); err != nil {
		return err
	}
	s := Spec{Name: b.Name, From: b.From, To: b.To, Consent: b.Consent, Profile: b.Profile}
	if b.DelayMS != nil {
		if *b.DelayMS < 0 || *b.DelayMS > maxDelay.Milliseconds() {
			return signaling.ErrBadRequest.Errorf("delay_ms %d: 0 to %d", *b.DelayMS, maxDelay.Milliseconds())
		}
		s.Delay = new(time.Duration(*b.DelayMS) * time.Millisecond)
	}
	if err := s.Check(); err != nil {
		return signaling.ErrBadRequest.Because(err)
	}
	key, err := Create(r.Context(), a.store, s)
	switch {
	case errors.Is(err, ErrExists):
		return signaling.ErrExists.Because(err)
	case err != nil:
		return unreachable(err)
	}
	a.audit(r, "stream key created", s.Name)
	out := s.Show()
	out.Key, out.Created = key, time.Now().UTC().Truncate(time.Second)
	signaling.WriteJSON(w, http.StatusCreated, out)
	return nil
}

func (a *API) rotate(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	key, err := Rotate(r.Context(), a.store, name)
	if err != nil {
		return failed(err)
	}
	a.audit(r, "stream key replaced", name)
	signaling.WriteJSON(w, http.StatusOK, map[string]string{"name": name, "key": key})
	return nil
}

func (a *API) remove(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if err := Remove(r.Context(), a.store, name); err != nil {
		return failed(err)
	}
	a.audit(r, "stream key removed", name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// audit logs what the operator did, and from where.
func (a *API) audit(r *http.Request, what, name string) {
	a.log.Info(what, "audit", what, "name", name, "role", "operator", "address", signaling.From(r).Address().String())
}

func failed(err error) error {
	if errors.Is(err, ErrUnknown) {
		return signaling.ErrNotFound.Because(err)
	}
	return unreachable(err)
}

func unreachable(err error) error {
	return &signaling.Error{Kind: signaling.ErrFull, Message: "stream keys cannot be reached right now: " + err.Error(), Hint: "try again soon"}
}
