package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/testspeaker"
)

const turnSecret = "0123456789abcdef0123456789abcdefHUSH"

// turnServer is a running coturn, by the configuration that instances on AWS get.
type turnServer struct {
	addr, host, port string
	mu               sync.Mutex
	log              bytes.Buffer
}

// Write keeps what coturn prints.
func (s *turnServer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *turnServer) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// ownAddress returns an address of this machine that others reach: coturn relays to no loopback.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	groundtest.Skip(t, "this machine has no address but loopback's, which coturn does not relay to")
	return ""
}

// startTURN runs coturn until the test ends.
func startTURN(t *testing.T) *turnServer {
	t.Helper()
	for _, program := range []string{"turnserver", "turnutils_uclient", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			groundtest.Need(t, "no %s: apt-get install coturn python3", program)
		}
	}
	s := &turnServer{host: ownAddress(t)}
	l, err := net.Listen("tcp", net.JoinHostPort(s.host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	_, s.port, _ = net.SplitHostPort(s.addr)
	l.Close()
	dir := t.TempDir()
	conf, err := exec.CommandContext(t.Context(), "python3", "testdata/turn_conf.py", "../../deploy/packer/files/livedub-boot", s.host, s.port, turnSecret, dir).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && strings.Contains(string(exit.Stderr), "want the nodes' private networks") {
			groundtest.Skip(t, "%s is a public address, which the TURN server relays to none of", s.host)
		}
		t.Fatalf("coturn's configuration: %v", err)
	}
	path := filepath.Join(dir, "turnserver.conf")
	if err := os.WriteFile(path, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("turnserver", "-c", path)
	cmd.Stdout, cmd.Stderr = s, s
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		killer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it says which signal ended it
		killer.Stop()
	})
	until(t, "coturn answers", func() bool {
		c, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return s
}

// ask has coturn's own client ask for a relay to a peer, and returns what it says.
func (s *turnServer) ask(t *testing.T, peer, user, password string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // it goes on for ever where it may
	defer cancel()
	out, _ := exec.CommandContext(ctx, "turnutils_uclient", "-u", user, "-w", password, "-e", peer, "-n", "1", "-c", "-p", s.port, s.host).CombinedOutput()
	return string(out)
}

// TestTURN: who reaches the media port in no other way publishes and watches through a
// real TURN server, with the credentials that the API hands out. It relays to the
// servers that it is for and nowhere else, and nobody tells the secret.
func TestTURN(t *testing.T) {
	turn := startTURN(t)
	url := "turn:" + turnSecret + "@" + turn.addr
	s := serve(t, append([]string{"--ice-server", url + "?transport=udp", "--ice-server", url + "?transport=tcp"}, fakes...)...)
	var call struct {
		running
		ICEServers []struct{ URLs, Username, Credential string } `json:"ice_servers"`
	}
	code, body := s.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"],"delay_ms":500,"consent":true}`, &call)
	if code != 201 || len(call.ICEServers) != 2 || strings.Contains(body, turnSecret) {
		t.Fatalf("%d %s", code, body)
	}
	publish(t, s, "/whip/"+call.ID, record(t, testspeaker.Config{Width: 320, Height: 180}, 60*time.Second), nil)

	for _, server := range call.ICEServers {
		t.Run(server.URLs[strings.LastIndexByte(server.URLs, '=')+1:], func(t *testing.T) {
			pc, err := webrtc.NewPeerConnection(webrtc.Configuration{
				ICETransportPolicy: webrtc.ICETransportPolicyRelay,
				ICEServers:         []webrtc.ICEServer{{URLs: []string{server.URLs}, Username: server.Username, Credential: server.Credential}},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = pc.GracefulClose() })
			w := watchBy(t, s, pc, "/whep/"+call.ID+"/es", nil)
			until(t, "video and sound come through the relay", func() bool {
				frames, sounds := w.came()
				return frames >= 10 && sounds >= 10
			})
			pair, err := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
			if err != nil || pair == nil || pair.Local.Typ != webrtc.ICECandidateTypeRelay || pair.Remote.Address != turn.host {
				t.Errorf("the way of media is %v, %v", pair, err)
			}
		})
	}

	user, password := call.ICEServers[0].Username, call.ICEServers[0].Credential
	for _, peer := range []string{"127.0.0.1", "169.254.169.254", "10.255.255.1"} {
		if got := turn.ask(t, peer, user, password); !strings.Contains(got, "403") {
			t.Errorf("coturn relays to %s: %s", peer, got)
		}
	}
	if got := turn.ask(t, turn.host, user, password); strings.Contains(got, "403") || strings.Contains(got, "Cannot complete Allocation") {
		t.Errorf("coturn does not relay to the server: %s", got)
	}
	past := "1000000000:" + call.ID
	m := hmac.New(sha1.New, []byte(turnSecret))
	m.Write([]byte(past))
	for what, c := range map[string][2]string{
		"credentials that have ended": {past, base64.StdEncoding.EncodeToString(m.Sum(nil))},
		"another password":            {user, "hush"},
	} {
		if got := turn.ask(t, turn.host, c[0], c[1]); !strings.Contains(got, "Cannot complete Allocation") {
			t.Errorf("coturn takes %s: %s", what, got)
		}
	}
	for who, log := range map[string]string{"coturn": turn.printed(), "the server": s.printed()} {
		if strings.Contains(log, turnSecret) || strings.Contains(log, password) {
			t.Errorf("%s logs a secret:\n%s", who, log)
		}
	}
	if !strings.Contains(turn.printed(), "169.254.169.254 denied") {
		t.Errorf("coturn's log, which is to say what it refused:\n%s", turn.printed())
	}
}
