package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/cli"
	"livedub/internal/testkit/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef-of-the-cluster-only"

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, io.Discard); !errors.Is(err, cli.ErrAnswered) {
		t.Fatal(err)
	}
	for _, want := range []string{"usage: gateway --cluster-url", "--listen", "--trusted-proxy", "--admin-token", "--cluster-secret", "--log-level"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "--media-port") {
		t.Error("it has a node's flags")
	}
}

func TestRefuses(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "--cluster-url is missing"},
		{[]string{"x"}, "takes no arguments"},
		{[]string{"--listn", "x"}, "did you mean --listen"},
		{[]string{"--cluster-url", "redis://127.0.0.1:1", "--cluster-secret", secret}, "cluster.url: is Redis there"},
	} {
		if err := run(t.Context(), tt.args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestServes(t *testing.T) {
	r := redistest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--listen", "127.0.0.1:0", "--cluster-url", "redis://" + r.Addr, "--cluster-secret", secret}, w, io.Discard)
		w.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-done)
	}
	base := strings.Fields(line)[2]
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/": {200, "<script"}, "/healthz": {200, `"ok"`}, "/readyz": {200, "ready"}, "/nothing": {404, "there is nothing"},
		"/v1/sessions": {200, `"nodes":[]`}, "/v1/languages": {503, "no node"}, "/v1/sessions/x": {404, "no such session"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want.status || !strings.Contains(string(body), want.says) {
			t.Errorf("%s: %d %.200s", path, resp.StatusCode, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
