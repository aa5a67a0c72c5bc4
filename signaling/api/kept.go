package api

import (
	"context"
	"net/http"
	"sync"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/store"
)

// sees tells whether the caller sees all recordings: the operator, and the server's own
// page on this machine, which may open any session by its name too.
func sees(who *signaling.Caller) bool { return who.Here() }

// lists tells whether the caller may list recordings: who sees all, and who has a signed
// token to watch sessions of a name, for those of that name.
func lists(who *signaling.Caller) bool {
	return sees(who) || who.Grant(signaling.Info{ID: who.Signed()}).Look()
}

// within keeps what is asked for within what the caller may see.
func within(who *signaling.Caller, f *store.Filter) error {
	name := who.Signed()
	switch {
	case sees(who), name == access.AnySession:
	case f.Session != "" && f.Session != name:
		return noRecording()
	default:
		f.Session = name
	}
	return nil
}

// of returns what a caller who lists recordings may do with one.
func of(who *signaling.Caller, rec store.Recording) signaling.Grant {
	if sees(who) {
		return who.Made(signaling.Info{Epoch: rec.ID})
	}
	return who.Grant(signaling.Info{ID: rec.Session, Epoch: rec.ID})
}

// granted returns what the caller may do with a recording: what they may in its session,
// to whose epoch capabilities are bound, and by whose name signed tokens give rights.
func (s *Server) granted(r *http.Request) (id string, g signaling.Grant, err error) {
	who, info := signaling.From(r), signaling.Info{Epoch: r.PathValue("id")}
	if name := who.Signed(); name == access.AnySession {
		info.ID = name
	} else if name != "" {
		if info.ID, err = s.sessionOf(r, info.Epoch); err != nil {
			return "", g, err
		}
	}
	if g = who.Grant(info); !g.Look() {
		return "", g, noRecording()
	}
	if info.ID != "" && info.ID != access.AnySession {
		s.names.put(info.Epoch, info.ID) // not before: how soon an answer comes would tell others that it is there
	}
	return info.Epoch, g, nil
}

// watched is granted for one language.
func (s *Server) watched(r *http.Request, lang string) (id string, g signaling.Grant, err error) {
	id, g, err = s.granted(r)
	if err == nil && !g.Watch(inference.Lang(lang)) {
		err = noRecording()
	}
	return id, g, err
}

// sessionOf returns the name of the session that a recording is of.
func (s *Server) sessionOf(r *http.Request, id string) (string, error) {
	if name := s.names.get(id); name != "" {
		return name, nil
	}
	if err := s.limit.Allow(r); err != nil {
		return "", err
	}
	rec, _, err := s.cfg.Recordings.Get(r.Context(), id)
	if err != nil {
		return "", refused(err)
	}
	return rec.Session, nil
}

// maxNames bounds the names of recordings that are remembered.
const maxNames = 1024

// names remembers which sessions recordings are of, which never changes: a player asks
// for a file every few seconds. It tells nothing of whether a recording is there.
type names struct {
	mu sync.Mutex
	by map[string]string
}

func (n *names) get(id string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.by[id]
}

func (n *names) put(id, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.by == nil || len(n.by) >= maxNames {
		n.by = map[string]string{}
	}
	n.by[id] = name
}

// bound returns a context for an answer that goes on for as long as the right to it, the
// client and the server do.
func (s *Server) bound(r *http.Request, g signaling.Grant) (context.Context, context.CancelFunc) {
	ctx, cancel := g.Bound(r.Context())
	stop := context.AfterFunc(s.downloads.Context(), cancel)
	return ctx, func() { stop(); cancel() }
}
