package whip

import (
	"net/http"
	"slices"
	"strings"

	"livedub/signaling"
)

// patch is PATCH of a resource: more candidates (204), or an ICE restart, which
// RFC 9725 lets a server refuse by 422.
func (s *Server) patch(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	if err := signaling.ContentType(r, fragmentType); err != nil {
		return err
	}
	if !matches(r.Header.Values("If-Match"), res.etag) {
		return signaling.ErrPrecondition
	}
	body, err := signaling.ReadBody(w, r, signaling.MaxBody)
	if err != nil {
		return err
	}
	f, err := parseFragment(string(body))
	if err != nil {
		return err
	}
	if len(res.ufrags) > 0 && slices.ContainsFunc(f.ufrags, func(u string) bool { return !slices.Contains(res.ufrags, u) }) {
		return signaling.ErrRestart
	}
	if err := s.mayPatch(res); err != nil {
		return err
	}
	for _, c := range f.candidates {
		s.add(res, c)
	}
	if f.end {
		s.add(res, "")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// add passes a candidate on. A bad one, or one too many, is left out, not
// refused: the others may connect, and mediamtx sends bad ones beside good ones.
func (s *Server) add(res *resource, candidate string) {
	if err := res.peer.AddCandidate(candidate); err != nil {
		s.log.Debug("candidate left out", "peer", res.short(), "err", err)
	}
}

// matches tells whether If-Match allows the one ETag there is. RFC 9725 wants
// the header; clients without it (Eyevinn's) mean the only ICE session there is.
func matches(header []string, etag string) bool {
	if len(header) == 0 {
		return true
	}
	for _, v := range strings.Split(strings.Join(header, ","), ",") {
		v = strings.TrimPrefix(strings.TrimSpace(v), "W/")
		if v == "*" || v == etag || `"`+v+`"` == etag {
			return true
		}
	}
	return false
}
