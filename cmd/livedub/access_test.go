package main

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/config"
	"livedub/internal/testkit/groundtest"
)

const operatorToken = "0123456789abcdef0123456789abcdef"

// ask sends a request with headers, which come in pairs; Host is one of them.
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// TestWhoSeesTheInsides: metrics, profiles and the list of sessions are the operator's.
func TestWhoSeesTheInsides(t *testing.T) {
	url, stop := startServer(t, "--admin-token", operatorToken, "--host", "live.example")
	defer stop()
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"program here":    {nil, 200},
		"own page":        {[]string{"Sec-Fetch-Site", "same-origin"}, 404},
		"foreign page":    {[]string{"Origin", "https://evil.example"}, 404},
		"through a proxy": {[]string{"X-Forwarded-For", "192.0.2.1", "Host", "live.example"}, 404},
		"the operator":    {[]string{"X-Forwarded-For", "192.0.2.1", "Host", "live.example", "Authorization", "Bearer " + operatorToken}, 200},
		"rebound name":    {[]string{"Host", "evil.example"}, 421},
		"rebound origin":  {[]string{"Host", "evil.example", "Origin", "https://evil.example"}, 421},
	} {
		for _, path := range []string{"/metrics", "/debug/pprof/", "/v1/sessions"} {
			if resp, body := ask(t, "GET", url+path, "", c.headers...); resp.StatusCode != c.status {
				t.Errorf("%s: GET %s: %d, want %d: %.100s", name, path, resp.StatusCode, c.status, body)
			}
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			if resp, _ := ask(t, "GET", url+path, "", c.headers...); resp.StatusCode != 200 {
				t.Errorf("%s: GET %s: %d", name, path, resp.StatusCode)
			}
		}
	}
}

// TestAdminListener: the operator's own endpoint, where open mode is off.
func TestAdminListener(t *testing.T) {
	addr := groundtest.FreeAddr(t)
	url, stop := startServer(t, "--access-open=false", "--admin-listen", addr)
	defer stop()
	for path, want := range map[string]string{"/metrics": "livedub_capacity", "/debug/pprof/cmdline": "", "/v1/sessions": `"sessions":[]`, "/healthz": "ok", "/readyz": "ready"} {
		if resp, body := ask(t, "GET", "http://"+addr+path, ""); resp.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("GET %s at the admin listener: %d %.100s", path, resp.StatusCode, body)
		}
	}
	for _, path := range []string{"/metrics", "/v1/sessions", "/debug/pprof/"} {
		if resp, body := ask(t, "GET", url+path, ""); resp.StatusCode != 404 {
			t.Errorf("GET %s without it: %d %.100s", path, resp.StatusCode, body)
		}
		if resp, body := ask(t, "GET", "http://"+addr+path, "", "Origin", url); resp.StatusCode != 404 {
			t.Errorf("GET %s by a page: %d %.100s", path, resp.StatusCode, body)
		}
	}
	if code, _, errs := call(t, "serve", "--listen", "127.0.0.1:0", "--media-port", "0", "--log-level", "error", "--recognize-engine", "fake", "--translate-engine", "fake", "--speak-engine", "fake", "--admin-listen", addr); code != 1 || !strings.Contains(errs, "choose another with --admin-listen") {
		t.Errorf("a second one at the same address: %d, %s", code, errs)
	}
}

// TestSecretsAreNotRepeated: what is wrong with a secret is said without it.
func TestSecretsAreNotRepeated(t *testing.T) {
	for _, flag := range []string{"--admin-token=topsecret", "--access-key=topsecret", "--ice-server=turn:ana:topsecret@"} {
		if code, out, errs := call(t, "serve", flag); code != 2 || strings.Contains(out+errs, "topsecret") {
			t.Errorf("%s: %d, %s %s", flag, code, out, errs)
		}
	}
}

func TestServerKey(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	if _, err := serverKey(config.Access{}, quiet); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "livedub", "access.key")
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// A key that cannot be kept: said, and gone with the server.
	t.Setenv("XDG_STATE_HOME", file)
	var log strings.Builder
	if _, err := serverKey(config.Access{}, slog.New(slog.NewTextHandler(&log, nil))); err != nil || !strings.Contains(log.String(), "access.key_file") || !strings.Contains(log.String(), "cannot be kept") && !strings.Contains(log.String(), "not a directory") {
		t.Errorf("%v: %s", err, log.String())
	}
	for want, c := range map[string]config.Access{
		"keep one":        {Key: strings.Repeat("k", 32), KeyFile: kept},
		"not a directory": {KeyFile: filepath.Join(file, "key")},
		"at least 32":     {KeyFile: file},
	} {
		if _, err := serverKey(c, quiet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
