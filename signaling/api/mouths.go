package api

import (
	"context"
	"errors"
	"net/http"

	"livedub/signaling"
	"livedub/store"
)

// Mouths are those that are kept of speakers.
type Mouths interface {
	// Erase erases what is kept under a key. It fails with store.ErrInvalid for what is no
	// key, store.ErrNotFound where nothing is kept under it, and store.ErrUnavailable.
	Erase(ctx context.Context, key string) error
}

// eraseMouths is DELETE /v1/mouths. Who bears the key has the right to it.
func (s *Server) eraseMouths(w http.ResponseWriter, r *http.Request) error {
	if err := s.limit.Allow(r); err != nil {
		return err
	}
	key := signaling.From(r).Bearer()
	if key == "" {
		return signaling.ErrBadRequest.Errorf("which mouths? send their key as Authorization: Bearer KEY, never in the address")
	}
	err := s.cfg.Mouths.Erase(r.Context(), key)
	switch {
	case errors.Is(err, store.ErrInvalid):
		return signaling.ErrBadRequest.Because(err)
	case errors.Is(err, store.ErrNotFound):
		return &signaling.Error{Kind: signaling.ErrNotFound, Message: "no mouths are kept under this key", Hint: "nothing is left to be erased"}
	case errors.Is(err, store.ErrUnavailable):
		return &signaling.Error{Kind: signaling.ErrFull, Message: "what is kept cannot be reached right now", Hint: "nothing is erased yet: wait as long as Retry-After says, then try again"}
	case err != nil:
		return err
	}
	// Neither key nor address: who has had their face erased is not to be found in a log.
	s.log.Info("kept mouths erased", "audit", "mouths_erased")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
