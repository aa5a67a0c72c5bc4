package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"livedub/internal/testkit/redistest"
)

// cli runs a command of livedub that must succeed, and returns what it prints.
func cli(t *testing.T, args ...string) string {
	t.Helper()
	r := livedub(t, args...)
	if r.code != 0 {
		t.Fatalf("livedub %s: exit %d: %s", args[0], r.code, r.stderr)
	}
	return strings.TrimSpace(r.stdout)
}

// following is a stream of a session's events.
type following struct {
	resp  *http.Response
	lines chan string
}

// followEvents reads the events of a session by a token until the stream or the test ends;
// query is what is asked for beside them.
func followEvents(t *testing.T, s *server, session, token, query string) following {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", s.base+"/v1/sessions/"+session+"/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		t.Fatalf("events: %d", resp.StatusCode)
	}
	f, done := following{resp, make(chan string, 10_000)}, make(chan struct{})
	go func() {
		defer close(done)
		defer close(f.lines)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			f.lines <- in.Text()
		}
	}()
	t.Cleanup(func() { cancel(); resp.Body.Close(); <-done })
	return f
}

// ends waits until the stream has ended and returns its last line.
func (f following) ends(t *testing.T, within time.Duration) (last string) {
	t.Helper()
	after := time.After(within)
	for {
		select {
		case line, more := <-f.lines:
			if !more {
				return last
			}
			if line != "" {
				last = line
			}
		case <-after:
			t.Fatalf("the stream goes on after %s", within)
		}
	}
}

// gone is closed when the other end has closed a connection.
func gone(pc *webrtc.PeerConnection) <-chan struct{} {
	out := make(chan struct{})
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateClosed || st == webrtc.PeerConnectionStateFailed || st == webrtc.PeerConnectionStateDisconnected {
			select {
			case <-out:
			default:
				close(out)
			}
		}
	})
	return out
}

// TestTokens: in a cluster of two nodes behind a gateway, on a real Redis, a token that
// livedub token made gives its bearer what it says, at whichever node; whose token is
// revoked or expires in the middle of a call is told, and let go.
func TestTokens(t *testing.T) {
	r := redistest.Start(t)
	closed := []string{"--access-open=false", "--log-level", "debug", "--auth-jwt-leeway", "0s", "--admin-token", "operator-of-the-tokens-test-0123456789"}
	node(t, r, "one", closed...)
	node(t, r, "two", closed...)
	g := startGateway(t, r, closed...)
	in := []string{"--cluster-url", "redis://" + r.Addr, "--cluster-secret", clusterSecret}
	make := func(lasts string, grants ...string) string {
		t.Helper()
		args := []string{"token", "create", "--session", "x", "--for", lasts}
		for _, grant := range grants {
			args = append(args, "--grant", grant)
		}
		token := cli(t, slices.Concat(args, in)...)
		allLogs.hush("a token", token)
		return token
	}
	status := func(method, path, token string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, g.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}

	speaker, viewer, short := make("1h", "create", "publish"), make("1h", "watch:es"), make("12s", "watch")
	began := time.Now()
	sending{}.publish(t, g, "/whip/x~"+speaker+"?from=en&to=es,ca", newSpeaker(t, time.Second))
	seen := watch(t, g, "/whep/x~"+short+"/ca")
	until(t, "the dub is seen by the token that lasts a while", func() bool { n, _ := seen.came(); return n > 10 })
	briefly := followEvents(t, g, "x", short, "")
	pc := peerConnection(t)
	left := gone(pc)
	dub := watchBy(t, g, pc, "/whep/x~"+viewer+"/es", nil)
	until(t, "the dub is seen by a token", func() bool { n, _ := dub.came(); return n > 10 })
	events := followEvents(t, g, "x", viewer, "")

	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + strings.Split(viewer, ".")[1] + "."
	kid := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"../../../../dev/null"}`)) + "." + strings.Split(viewer, ".")[1] + "." + strings.Split(viewer, ".")[2]
	for _, c := range []struct {
		what, method, path, token string
		want                      int
	}{
		{"look", "GET", "/v1/sessions/x", viewer, 200}, {"look without one", "GET", "/v1/sessions/x", "", 404}, {"end", "DELETE", "/v1/sessions/x", viewer, 404},
		{"list", "GET", "/v1/sessions", viewer, 404}, {"another session", "GET", "/v1/sessions/y", viewer, 404}, {"create", "POST", "/v1/sessions", viewer, 404},
		{"create by a name's", "POST", "/v1/sessions", speaker, 404}, {"another language", "POST", "/whep/x/ca", viewer, 404}, {"publish", "POST", "/whip/x", viewer, 404},
		{"metrics", "GET", "/metrics", viewer, 404}, {"keys", "GET", "/v1/keys", viewer, 404},
		{"alg none", "GET", "/v1/sessions/x", none, 404}, {"a path for a key", "GET", "/v1/sessions/x", kid, 404}, {"cut", "GET", "/v1/sessions/x", viewer[:len(viewer)-3], 404},
	} {
		if got := status(c.method, c.path, c.token); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	var told struct{ Valid, Revoked bool }
	if err := json.Unmarshal([]byte(cli(t, slices.Concat([]string{"token", "inspect", viewer}, in)...)), &told); err != nil || !told.Valid || told.Revoked {
		t.Errorf("inspect: %+v, %v", told, err)
	}

	cli(t, slices.Concat([]string{"token", "revoke", viewer}, in)...)
	if last := events.ends(t, 30*time.Second); last != `data: {"reason":"the token was revoked"}` {
		t.Errorf("the events end with %q", last)
	}
	select {
	case <-left:
	case <-time.After(30 * time.Second):
		t.Error("the viewer is not let go")
	}
	if got := status("GET", "/v1/sessions/x", viewer); got != 404 {
		t.Errorf("by a revoked token: %d", got)
	}
	if last := briefly.ends(t, 60*time.Second); last != `data: {"reason":"the token has expired"}` {
		t.Errorf("the events end with %q", last)
	}
	if took := time.Since(began); took < 9*time.Second {
		t.Errorf("the token ended after %s", took)
	}
	if got := status("GET", "/v1/sessions/x", short); got != 404 {
		t.Errorf("by an expired token: %d", got)
	}
}

// TestStreamKeysOfACluster: a key that livedub key made is known to the gateway's API, and
// one that the API made to livedub key; its secret is told once.
func TestStreamKeysOfACluster(t *testing.T) {
	r := redistest.Start(t)
	node(t, r, "one")
	g := startGateway(t, r)
	in := []string{"--cluster-url", "redis://" + r.Addr}
	key := cli(t, slices.Concat([]string{"key", "create", "--name", "studio", "--from", "en", "--to", "es,ca", "--consent"}, in)...)
	allLogs.hush("a stream key", key)
	var made struct{ Key string }
	if code, body := g.call(t, "POST", "/v1/keys", `{"name":"stage","from":"en","to":["es"]}`, &made); code != 201 || made.Key == "" || made.Key == key {
		t.Fatalf("%d %s", code, body)
	}
	allLogs.hush("a stream key", made.Key)
	code, all := g.call(t, "GET", "/v1/keys", "", nil)
	list := cli(t, slices.Concat([]string{"key", "ls", "--json"}, in)...)
	for _, said := range []string{all, list} {
		if code != 200 || !strings.Contains(said, `"studio"`) || !strings.Contains(said, `"stage"`) || strings.Contains(said, "ldk_") {
			t.Errorf("%d %s", code, said)
		}
	}
	if code, body := g.call(t, "DELETE", "/v1/keys/studio", "", nil); code != 204 {
		t.Errorf("%d %s", code, body)
	}
	if r := livedub(t, slices.Concat([]string{"key", "rm", "studio"}, in)...); r.code != 1 || !strings.Contains(r.stderr, "no stream key of that name") {
		t.Errorf("%d %s", r.code, r.stderr)
	}
}

// TestBroadcastByStreamKey: ffmpeg publishes by RTMP with a key that livedub key made, and
// is let go when that is removed; by then the key opens nothing.
func TestBroadcastByStreamKey(t *testing.T) {
	film := filepath.Join(t.TempDir(), "talk.mp4")
	broadcast(t, film, 40*time.Second)
	in := []string{"--auth-dir", filepath.Join(t.TempDir(), "auth")}
	s := serve(t, slices.Concat(fakes, in, []string{"--rtmp-listen", "127.0.0.1:0", "--log-level", "debug"})...)
	key := cli(t, slices.Concat([]string{"key", "create", "--name", "studio", "--from", "en", "--to", "es", "--delay", "1s"}, in)...)
	allLogs.hush("a stream key", key)
	live := "rtmp://" + s.addr(t, "rtmp") + "/live/"
	ended := push(t, film, "-f", "flv", live+key)
	until(t, "the key's session is live", func() bool {
		_, body := s.call(t, "GET", "/v1/sessions/studio", "", nil)
		return strings.Contains(body, `"live"`)
	})
	seen := watch(t, s, "/whep/studio/es")
	until(t, "the dub is seen", func() bool { n, _ := seen.came(); return n > 10 })
	cli(t, slices.Concat([]string{"key", "rm", "studio"}, in)...)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the film came to its end by a key that was removed")
		}
	case <-time.After(60 * time.Second):
		t.Error("the publisher is not let go")
	}
	if err := <-push(t, film, "-f", "flv", live+key); err == nil || !strings.Contains(err.Error(), "no right to it") {
		t.Errorf("by a removed key: %v", err)
	}
	if log := s.printed(); !strings.Contains(log, "the stream key was removed") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}
