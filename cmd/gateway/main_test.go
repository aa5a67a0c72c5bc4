package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/cli"
	"livedub/internal/testkit/dashboards"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef-of-the-cluster-only"

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, io.Discard); !errors.Is(err, cli.ErrAnswered) {
		t.Fatal(err)
	}
	for _, want := range []string{"usage: gateway --cluster-url", "--listen", "--trusted-proxy", "--admin-listen", "--admin-token", "--limits-websockets", "--cluster-secret", "--log-level"} {
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
	admin := groundtest.FreeAddr(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--listen", "127.0.0.1:0", "--admin-listen", admin, "--cluster-url", "redis://" + r.Addr, "--cluster-secret", secret}, w, io.Discard)
		w.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-done)
	}
	base := strings.Fields(line)[2]
	ask := func(url string, headers ...string) (status int, said string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/": {200, "<script"}, "/healthz": {200, `"ok"`}, "/readyz": {200, "ready"}, "/nothing": {404, "there is nothing"},
		"/v1/sessions": {200, `"nodes":[]`}, "/v1/languages": {503, "no node"}, "/v1/sessions/x": {404, "no such session"},
		"/metrics": {200, "livedub_gateway_sessions_placed_total 0"},
	} {
		if status, body := ask(base + path); status != want.status || !strings.Contains(body, want.says) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	if status, body := ask(base+"/metrics", "X-Forwarded-For", "203.0.113.9"); status != 404 {
		t.Errorf("metrics to anybody: %d %.200s", status, body)
	}
	_, body := ask("http://" + admin + "/metrics")
	for _, want := range []string{
		`livedub_gateway_refused_total{why="not_found"} 1`, `livedub_gateway_sessions_moved_total{why="dead"} 0`, `livedub_gateway_probes_total{result="failed"} 0`,
		`livedub_gateway_registry_steps_total{result="error"} 0`, "livedub_gateway_forward_seconds_count 0", "livedub_gateway_forwarding 0", "livedub_build_info",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	boards, rules, err := dashboards.Read("../../deploy/grafana")
	if err != nil {
		t.Fatal(err)
	}
	asked := slices.DeleteFunc(append(boards, rules...), func(s dashboards.Selector) bool { return !strings.HasPrefix(s.Name, "livedub_gateway_") })
	if len(asked) == 0 {
		t.Error("neither dashboards nor rules ask gateways for anything")
	}
	for _, s := range dashboards.Missing(body, asked) {
		t.Errorf("%v: a gateway has no such series", s)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
