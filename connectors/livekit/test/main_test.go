// Package test runs the connector between a real livekit-server and a real livedub, with
// participants by LiveKit's own client.
package test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"livedub/connectors/livekit/doors"
)

const (
	apiKey    = "devkey"
	apiSecret = "secret-of-the-tests-of-livedub-32"
	patience  = 3 * time.Minute // until something that must come has come, on a busy machine
)

// need is a program that the tests run; `make test-livekit` names them.
func need(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s is not set: run make test-livekit", variable)
	}
	return path
}

// process is a program that runs for a test.
type process struct {
	name string
	cmd  *exec.Cmd
	args []string

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// start starts a program, and ends it with the test.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{name: name, args: args}
	p.again(t)
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() && os.Getenv("LIVEKIT_TEST_LOGS") != "" {
			t.Logf("%s:\n%s", filepath.Base(name), tail(p.printed(), 12000))
		}
	})
	return p
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (p *process) again(t *testing.T) {
	t.Helper()
	p.cmd = exec.Command(p.name, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// stop ends the program as a person does; one that does not end is a fault.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	killer := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	if !killer.Stop() {
		t.Errorf("%s did not end: %v\n%s", p.name, err, tail(p.printed(), 3000))
	}
	if log := p.printed(); strings.Contains(log, "panic:") || strings.Contains(log, "DATA RACE") || strings.Contains(log, "by a panic") {
		t.Errorf("%s:\n%s", p.name, tail(log, 5000))
	}
}

// port returns a free one.
func port(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}

// answers tells whether an address answers at all.
func answers(url string) func() bool {
	return func() bool {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	}
}

// scene is LiveKit, livedub and the connector, each a process of its own.
type scene struct {
	livekit, livedub, connector *process
	url, base, api              string // of LiveKit, of livedub, of the connector's API
	client                      *doors.Client
}

// play starts all three. flags are more flags of the connector.
func play(t *testing.T, flags ...string) *scene {
	t.Helper()
	s := &scene{}
	s.base = fmt.Sprintf("http://127.0.0.1:%d", port(t))
	s.livedub = start(t, need(t, "LIVEDUB"), "serve", "--listen", strings.TrimPrefix(s.base, "http://"), "--media-port", "0", "--drain", "0s", "--store", "none",
		"--engines", "light", "--max-sessions", "6", "--access-key-file", filepath.Join(t.TempDir(), "key"))
	s.serves(t)
	s.meet(t, flags...)
	return s
}

// serves waits until livedub answers.
func (s *scene) serves(t *testing.T) {
	t.Helper()
	eventually(t, "livedub answers", func() bool {
		if strings.Contains(s.livedub.printed(), "did not come up") { // on a machine that is too busy for it
			_ = s.livedub.cmd.Wait()
			s.livedub.mu.Lock()
			s.livedub.log.Reset()
			s.livedub.mu.Unlock()
			s.livedub.again(t)
		}
		return answers(s.base + "/readyz")()
	})
}

// meet starts LiveKit and the connector, beside what answers at s.base.
func (s *scene) meet(t *testing.T, flags ...string) {
	t.Helper()
	at, tcp, udp, api := port(t), port(t), port(t), port(t)
	s.url, s.api = fmt.Sprintf("ws://127.0.0.1:%d", at), fmt.Sprintf("http://127.0.0.1:%d", api)
	s.livekit = start(t, need(t, "LIVEKIT_SERVER"), "--bind", "127.0.0.1", "--node-ip", "127.0.0.1", "--config-body", fmt.Sprintf(`
port: %d
rtc: {tcp_port: %d, udp_port: %d, use_external_ip: false, enable_loopback_candidate: true}
keys: {%s: %s}
webhook: {api_key: %s, urls: ["%s/webhook"]}
logging: {level: info}
`, at, tcp, udp, apiKey, apiSecret, apiKey, s.api))
	eventually(t, "LiveKit answers", answers(strings.Replace(s.url, "ws", "http", 1)))
	s.connector = start(t, need(t, "LIVEDUB_LIVEKIT"), append([]string{"--url", s.url, "--api-key", apiKey, "--api-secret", apiSecret,
		"--livedub", s.base, "--listen", fmt.Sprintf("127.0.0.1:%d", api), "--log", "debug"}, flags...)...)
	eventually(t, "the connector answers", answers(s.api+"/healthz"))
	var err error
	if s.client, err = doors.New(s.base, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
}
