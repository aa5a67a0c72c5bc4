package test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// ask sends a request to the connector's API, with a token of LiveKit's.
func (s *scene) ask(t *testing.T, method, path, body string, grant *auth.VideoGrant) (int, string) {
	t.Helper()
	token, err := auth.NewAccessToken(apiKey, apiSecret).SetVideoGrant(grant).SetIdentity("operator").ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.api+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(out)
}

// TestRooms: rooms are joined by the API, and by LiveKit's own webhook where their
// metadata says so; many at once; and left.
func TestRooms(t *testing.T) {
	s := play(t)
	if status, body := s.ask(t, "POST", "/v1/rooms", `{"room":"a","from":"en","to":["es"]}`, &auth.VideoGrant{RoomCreate: true}); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := s.ask(t, "POST", "/v1/rooms", `{"room":"b"}`, &auth.VideoGrant{RoomAdmin: true, Room: "a"}); status != 401 {
		t.Errorf("%d for the administrator of another room", status)
	}
	rooms := lksdk.NewRoomServiceClient(strings.Replace(s.url, "ws", "http", 1), apiKey, apiSecret)
	for name, metadata := range map[string]string{"marked": `{"livedub":{"from":"en"}}`, "plain": `{}`} {
		if _, err := rooms.CreateRoom(t.Context(), &livekit.CreateRoomRequest{Name: name, Metadata: metadata}); err != nil {
			t.Fatal(err)
		}
	}
	dubbed := func(room string) *person {
		ana := s.come(t, room, "ana", map[string]string{"livedub.consent": "true"})
		ana.speak(t, false)
		ben := s.come(t, room, "ben", map[string]string{"livedub.lang": "es"})
		eventually(t, "Ben hears Ana in room "+room, ben.hears("ana-es"))
		return ben
	}
	ben := dubbed("a")
	eventually(t, "the marked room is joined too", func() bool {
		_, list := s.ask(t, "GET", "/v1/rooms", "", &auth.VideoGrant{RoomList: true})
		return strings.Contains(list, `"room":"a","joined":true`) && strings.Contains(list, `"room":"marked","joined":true`) && !strings.Contains(list, "plain")
	})
	if status, body := s.ask(t, "DELETE", "/v1/rooms/a", "", &auth.VideoGrant{RoomAdmin: true, Room: "a"}); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	eventually(t, "who is left hears no dub", ben.ended("ana-es"))
	eventually(t, "the session of that room is over", func() bool { return s.sessions(t) == 0 })
	dubbed("marked")
}
