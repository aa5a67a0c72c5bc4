package api

import (
	"context"
	"net/http"

	"livedub/signaling"
)

// Outputs are what sessions are sent on to. What they return tells no secret of an address.
type Outputs interface {
	// Outputs returns a session's. It fails with ErrNotFound.
	Outputs(id string) ([]signaling.OutputInfo, error)
	// AddOutput sends languages of a session, of which the first has the picture, to an
	// address. It fails with ErrNotFound, ErrBadRequest or ErrFull.
	AddOutput(ctx context.Context, id, url string, langs []string) (signaling.OutputInfo, error)
	// RemoveOutput ends one. It fails with ErrNotFound.
	RemoveOutput(id, output string) error
}

func (s *Server) registerOutputs(route func(string, map[string]signaling.Handler)) {
	route("/v1/sessions/{id}/outputs", map[string]signaling.Handler{http.MethodGet: s.outputs, http.MethodPost: s.addOutput})
	route("/v1/sessions/{id}/outputs/{output}", map[string]signaling.Handler{http.MethodDelete: s.removeOutput})
}

// outputs is GET /v1/sessions/{id}/outputs, for who controls the session.
func (s *Server) outputs(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.controlled(r); err != nil {
		return err
	}
	all, err := s.cfg.Outputs.Outputs(r.PathValue("id"))
	if err != nil {
		return err
	}
	if all == nil {
		all = []signaling.OutputInfo{}
	}
	signaling.WriteJSON(w, http.StatusOK, map[string]any{"outputs": all})
	return nil
}

// addOutput is POST /v1/sessions/{id}/outputs, so.
func (s *Server) addOutput(w http.ResponseWriter, r *http.Request) error {
	grant, err := s.controlled(r)
	if err != nil {
		return err
	}
	var b struct {
		URL   string   `json:"url"`
		Langs []string `json:"langs"`
	}
	if err := s.read(w, r, &b); err != nil {
		return err
	}
	id := r.PathValue("id")
	o, err := s.cfg.Outputs.AddOutput(r.Context(), id, b.URL, b.Langs)
	if err != nil {
		return err
	}
	signaling.From(r).Audit("output added", grant, id, "output", o.ID, "to", o.URL)
	signaling.WriteJSON(w, http.StatusCreated, o)
	return nil
}

// removeOutput is DELETE /v1/sessions/{id}/outputs/{output}, so.
func (s *Server) removeOutput(w http.ResponseWriter, r *http.Request) error {
	grant, err := s.controlled(r)
	if err != nil {
		return err
	}
	id, name := r.PathValue("id"), r.PathValue("output")
	if err := s.cfg.Outputs.RemoveOutput(id, name); err != nil {
		return err
	}
	signaling.From(r).Audit("output removed", grant, id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
