package api

import (
	"strings"
	"testing"

	"livedub/inference"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// TestHLSAddress: who controls or watches a session is told where its HLS is, with a right
// to watch and no other; who publishes is not; and nobody where the server has none.
func TestHLSAddress(t *testing.T) {
	d := signalingtest.NewDesk("talk")
	endpoint := New(Config{Sessions: d, HLS: true})
	with, without := &rig{signalingtest.Open(t, d, endpoint), endpoint}, open(t)
	for _, c := range []struct {
		role  access.Role
		lang  inference.Lang
		right string // that stands in the address
	}{{access.Control, "", "w."}, {access.Watch, "", "w."}, {access.Watch, "es", "w-es."}} {
		path := "/v1/sessions/talk~" + signalingtest.Token("talk", c.role, c.lang)
		_, got, _ := with.do("GET", path, "", evil...)
		if at, ok := got["hls"].(string); !ok || !strings.HasPrefix(at, with.URL+"/hls/talk~"+c.right) || !strings.HasSuffix(at, "/index.m3u8") {
			t.Errorf("%s %s: %v", c.role, c.lang, got)
		}
		if _, got, _ := without.do("GET", path, "", evil...); got["hls"] != nil || got["id"] != "talk" {
			t.Errorf("%s %s, without HLS: %v", c.role, c.lang, got)
		}
	}
	if _, got, _ := with.do("GET", "/v1/sessions/talk~"+signalingtest.Token("talk", access.Publish, ""), "", evil...); got["hls"] != nil {
		t.Errorf("who publishes: %v", got["hls"])
	}
}
