package member

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"livedub/signaling"
	"livedub/signaling/access"
)

// TestPlacedAnew: a session that had gone elsewhere and is placed here once more, before
// this node has heard of it, is the new one; nothing is left of the old.
func TestPlacedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, _, a, old := holder(t)
		defer a.Close()
		if err := reg.Release(t.Context(), "s", old.Fence); err != nil {
			t.Fatal(err)
		}
		c, err := claim(t, reg, a, "s", made)
		if err != nil || a.Fence("s") != int64(c.Fence) || len(a.ended) != 1 {
			t.Errorf("%v, fence %d, want %d, ended %v", err, a.Fence("s"), c.Fence, a.ended)
		}
	})
}

// TestTold: a node hears from the one that took its session over, and from nobody else.
func TestTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, key, a, c := holder(t)
		defer a.Close()
		tell := func(key access.Key, p signaling.Pass) int {
			req := httptest.NewRequest("GET", "/healthz", nil)
			req.Header.Set(signaling.PassHeader, signaling.NewPassKey(key).Seal(p, "GET", "/healthz", time.Now()))
			w := httptest.NewRecorder()
			a.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })).ServeHTTP(w, req)
			return w.Code
		}
		over := signaling.Pass{Node: "a", Boot: "1", Session: "s", Fence: int64(c.Fence) + 1, Over: true}
		for name, tt := range map[string]struct {
			key    access.Key
			change func(*signaling.Pass)
			status int
		}{
			"another cluster":  {access.RandomKey(), func(*signaling.Pass) {}, 421},
			"another node":     {key, func(p *signaling.Pass) { p.Node = "b" }, 421},
			"another run":      {key, func(p *signaling.Pass) { p.Boot = "2" }, 421},
			"its own fence":    {key, func(p *signaling.Pass) { p.Fence = int64(c.Fence) }, 204},
			"an older fence":   {key, func(p *signaling.Pass) { p.Fence = int64(c.Fence) - 1 }, 204},
			"another session":  {key, func(p *signaling.Pass) { p.Session = "t" }, 204},
			"no more than ask": {key, func(p *signaling.Pass) { p.Over, p.Session = false, "" }, 200},
		} {
			p := over
			tt.change(&p)
			if status := tell(tt.key, p); status != tt.status || a.Fence("s") != int64(c.Fence) {
				t.Errorf("%s: %d, fence %d", name, status, a.Fence("s"))
			}
		}
		if status := tell(key, over); status != 204 || a.Fence("s") != 0 || len(a.ended) != 1 {
			t.Errorf("%d, fence %d, ended %v", status, a.Fence("s"), a.ended)
		}
	})
}
