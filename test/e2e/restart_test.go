package e2e

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"livedub/internal/testkit/groundtest"
)

// follow reads a session's events to their end, which the channel brings.
func follow(t *testing.T, s *server, id string) <-chan string {
	t.Helper()
	resp, err := client.Get(s.base + "/v1/sessions/" + id + "/events")
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 1)
	go func() {
		defer resp.Body.Close()
		all, _ := io.ReadAll(resp.Body)
		out <- string(all)
	}()
	return out
}

// watchBySocket watches by websocket; the channel brings all that is said there, the close included.
func watchBySocket(t *testing.T, s *server, id, lang string) <-chan string {
	t.Helper()
	pc := peerConnection(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.base, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.WriteJSON(map[string]any{"v": 1, "type": "view", "session": id, "lang": lang, "sdp": pc.LocalDescription().SDP}); err != nil {
		t.Fatal(err)
	}
	var answer struct{ SDP string }
	if _, data, err := c.ReadMessage(); err != nil || json.Unmarshal(data, &answer) != nil || answer.SDP == "" {
		t.Fatalf("%s, %v", data, err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 1)
	go func() {
		said := ""
		for {
			_, data, err := c.ReadMessage()
			if err != nil {
				out <- said + err.Error()
				return
			}
			said += string(data) + "\n"
		}
	}()
	return out
}

// TestServerRestarts ends a server by SIGTERM in the middle of a call and starts
// it again at the same address: all who listen are told why, no process is left,
// and the page is live again by itself.
func TestServerRestarts(t *testing.T) {
	addr, wav := groundtest.FreeAddr(t), filepath.Join(t.TempDir(), "sentences.wav")
	sentences(t, wav)
	s := serve(t, "--listen", addr)
	ctx := studio(t, s, cardCamera, wav)
	id, err := chromedp.Run(ctx, chromedp.Evaluate[string](`window.__livedub.sessionId`))
	if err != nil {
		t.Fatal(err)
	}
	events, socket := follow(t, s, id), watchBySocket(t, s, id, "es")
	until(t, "engines run beside the server", func() bool { return len(processes(s.mark)) > 2 })
	s.stop(t) // looks for what is left

	const why = "the server is shutting down"
	for who, got := range map[string]<-chan string{"event stream": events, "websocket": socket} {
		select {
		case all := <-got:
			if lines := strings.Split(strings.TrimSpace(all), "\n"); !strings.Contains(lines[len(lines)-1], why) {
				t.Errorf("the %s ends with %q", who, lines[max(0, len(lines)-3):])
			}
		case <-time.After(10 * time.Second):
			t.Errorf("the %s did not end", who)
		}
	}
	await(t, ctx, "a page that tries again", `window.__livedub.state.phase === "reconnecting" && document.querySelector('[data-testid="error"]').innerText.includes("Trying again")`, 20*time.Second)
	screenshot(t, ctx, "server-gone")

	serve(t, "--listen", addr, "--ice-server", "stun:127.0.0.1:9") // where nobody answers: it is in nobody's way
	const video = `document.querySelector('[data-testid="dubbed-video"]')`
	await(t, ctx, "a page that is live again", `window.__livedub.state.phase === "live" && window.__livedub.sessionId !== "`+id+`" && `+video+`.currentTime > 1`, 60*time.Second)
	await(t, ctx, "a page that knows the server's ICE server", `window.__livedub.pcs.publish.getConfiguration().iceServers[0].urls[0] === "stun:127.0.0.1:9"`, time.Second)
}
