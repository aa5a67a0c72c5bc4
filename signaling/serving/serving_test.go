package serving

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func TestListen(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", "--listen")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(t.Context(), l.Addr().String(), "--listen"); err == nil || !strings.Contains(err.Error(), "is in use: choose another with --listen") {
		t.Error(err)
	}
	if _, err := Listen(t.Context(), "192.0.2.1:0", "--admin-listen"); err == nil || !strings.Contains(err.Error(), "choose another address with --admin-listen") { // TEST-NET-1 is nobody's
		t.Error(err)
	}
}

// TestInsides: health is for all, what else there is for the operator.
func TestInsides(t *testing.T) {
	ready := true
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "figures") })
	rules := signaling.NewAccess(signaling.AccessConfig{Hosts: []string{"live.example"}})
	mux := Insides("v1", metrics, func() bool { return ready }, quiet)
	ask := func(guard func(http.Handler) http.Handler, path string) (int, string) {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
		r.Host, r.RemoteAddr = "live.example", "192.0.2.1:5"
		guard(mux).ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	var health struct{ Status, Version string }
	if code, body := ask(rules.Guard, "/healthz"); code != 200 || json.Unmarshal([]byte(body), &health) != nil || health.Status != "ok" || health.Version != "v1" {
		t.Errorf("%d %s", code, body)
	}
	for is, want := range map[bool]string{true: "ready\n", false: "leaving\n"} {
		ready = is
		if code, body := ask(rules.Guard, "/readyz"); (code == 200) != is || body != want {
			t.Errorf("ready %v: %d %s", is, code, body)
		}
	}
	for _, path := range []string{"/metrics", "/debug/pprof/cmdline"} {
		if code, body := ask(rules.Guard, path); code != 404 {
			t.Errorf("%s to anybody: %d %s", path, code, body)
		}
		if code, body := ask(rules.GuardAdmin, path); code != 200 {
			t.Errorf("%s to the operator: %d %s", path, code, body)
		}
	}
}

func TestPage(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		status       int
	}{{"GET", "/", 200}, {"HEAD", "/", 200}, {"POST", "/", 405}, {"GET", "/nothing", 404}, {"POST", "/nothing", 404}} {
		w := httptest.NewRecorder()
		Page(quiet).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status {
			t.Errorf("%s %s: %d", tt.method, tt.path, w.Code)
		}
	}
}

func TestAdmin(t *testing.T) {
	rules := signaling.NewAccess(signaling.AccessConfig{})
	var none *Admin
	none.Close()
	if a, err := OpenAdmin(t.Context(), "", rules, nil, quiet); a != nil || err != nil {
		t.Errorf("%v, %v", a, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if _, err := OpenAdmin(t.Context(), addr, rules, nil, quiet); err == nil || !strings.Contains(err.Error(), "--admin-listen") {
		t.Error(err)
	}
	l.Close()
	a, err := OpenAdmin(context.Background(), addr, rules, signaling.OnlyOperator(http.NotFoundHandler(), quiet), quiet)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "404 page not found\n" {
		t.Errorf("the operator was not let in: %s", body)
	}
	a.Close()
	if _, err := client.Get("http://" + addr); err == nil {
		t.Error("it answers after Close")
	}
}
