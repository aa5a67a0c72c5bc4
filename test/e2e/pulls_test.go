package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPulls: a session pulls what this server sends itself, by WHEP and HLS, and dubs it:
// frames come without a long break, and sound with them.
func TestPulls(t *testing.T) {
	film := filepath.Join(t.TempDir(), "talk.mp4")
	broadcast(t, film, 40*time.Second)
	s := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0", "--pull-host", "127.0.0.1"})...)
	push(t, film, "-f", "flv", "rtmp://"+s.addr(t, "rtmp")+"/live/show?from=en&to=es&consent=true")
	live := func(id string) bool {
		_, body := s.call(t, "GET", "/v1/sessions/"+id, "", nil)
		return strings.Contains(body, `"state":"live"`)
	}
	until(t, "the session that is pulled from is live", func() bool { return live("show") })
	host := strings.TrimPrefix(s.base, "http://")
	watchers := map[string]*watcher{}
	for name, source := range map[string]string{
		"whep": "whep://" + host + "/whep/show/en", "hls": "http://" + host + "/hls/show/index.m3u8",
	} {
		var made struct{ ID string }
		if status, body := s.call(t, "POST", "/v1/sessions", fmt.Sprintf(`{"from":"en","to":["es"],"source":{"url":%q}}`, source), &made); status != 201 {
			t.Fatalf("%s: %d %s", name, status, body)
		}
		until(t, name+" is live", func() bool { return live(made.ID) })
		watchers[name] = watch(t, s, "/whep/"+made.ID+"/en")
	}
	time.Sleep(15 * time.Second)
	for name, w := range watchers {
		frames, sounds := w.came()
		_, longest := w.sizes(t)
		t.Logf("%s: %d frames, the longest standing %v, %d sounds", name, frames, longest.Round(time.Millisecond), sounds)
		if frames < 75 || sounds < 300 {
			t.Errorf("%s: %d frames, %d sounds: %s", name, frames, sounds, s.printed())
		}
	}
	if status, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"source":{"url":"whep://169.254.169.254/latest"}}`, nil); status != 400 {
		t.Errorf("a metadata address: %d %s", status, body)
	}
}
