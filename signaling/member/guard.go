package member

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

// Guard returns h behind the cluster's rules; it stands before signaling.Front. A
// request that bears a gateway's pass is answered as this node, and for the claim
// that it names: a session that was moved here is opened first. Others pass as they are.
func (m *Member) Guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sealed := r.Header.Get(signaling.PassHeader)
		if sealed == "" {
			h.ServeHTTP(w, r)
			return
		}
		r.Header.Del(signaling.PassHeader)
		p, err := m.key.Open(sealed, r.Method, r.URL.RequestURI(), time.Now())
		if err != nil {
			signaling.WriteError(w, r, m.log, &signaling.Error{Kind: signaling.ErrMisdirected, Message: err.Error(), Hint: "see cluster.secret in docs/OPERATIONS.md"})
			return
		}
		w.Header().Set(signaling.NodeHeader, signaling.Pass{Node: m.id, Boot: m.boot}.Answerer())
		if err := m.admit(w, r, p); err != nil {
			signaling.WriteError(w, r, m.log, err)
			return
		}
		switch {
		case p.Over:
			w.WriteHeader(http.StatusNoContent)
			return
		case r.URL.Path == linkPath:
			if err := m.link(w, r, p); err != nil {
				signaling.WriteError(w, r, m.log, err)
			}
			return
		}
		h.ServeHTTP(w, r.WithContext(signaling.WithPass(r.Context(), p)))
	})
}

// admit sees to it that this node holds what a request is about.
func (m *Member) admit(w http.ResponseWriter, r *http.Request, p signaling.Pass) error {
	switch {
	case p.Node != m.id || p.Boot != m.boot:
		return &signaling.Error{Kind: signaling.ErrMisdirected, Message: "another node, or another run of this one, is meant", Hint: "the gateway asks again"}
	case p.Session == "":
		return nil
	case p.Over:
		m.over(p)
		return nil
	case r.URL.Path == linkPath:
		return nil // it brings what the session is opened from
	case !m.Acting():
		return &signaling.Error{Kind: signaling.ErrClosing, Message: "this node stood still, and proves its claims first", Hint: "try again", Retry: time.Second}
	}
	if !p.Create {
		c := cluster.Claim{Session: p.Session, Fence: cluster.Fence(p.Fence), Cost: p.Cost}
		if m.Fence(p.Session) < p.Fence {
			if err := m.Take(r.Context(), c, func(ctx context.Context) error { return m.reopen(ctx, c.Session) }); err != nil {
				w.Header().Set(signaling.RefusedHeader, "1")
				return err
			}
		}
	}
	w.Header().Set(signaling.FenceHeader, strconv.FormatInt(max(p.Fence, m.Fence(p.Session)), 10))
	return nil
}
