package api

import (
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/auth"
	"go.uber.org/goleak"

	"livedub/connectors/livekit/bot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rooms notes what it is asked for.
type rooms struct{ joined []string }

func (r *rooms) Join(a bot.Asked) error {
	if slices.Contains(r.joined, a.Room) {
		return bot.ErrThere
	}
	r.joined = append(r.joined, a.Room)
	return nil
}

func (r *rooms) Leave(room string) bool { return slices.Contains(r.joined, room) }
func (r *rooms) States() []bot.State    { return []bot.State{} }

const secret = "a secret of thirty-two characters"

func token(t *testing.T, key string, grant *auth.VideoGrant, sum string) string {
	t.Helper()
	raw, err := auth.NewAccessToken("key", key).SetIdentity("x").SetVideoGrant(grant).SetSha256(sum).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func ask(h http.Handler, method, path, body, bearer string) int {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if bearer != "" {
		r.Header.Set("Authorization", bearer)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestRights(t *testing.T) {
	k := &rooms{}
	h := Handler(Config{Keeper: k, APIKey: "key", APISecret: secret, Join: "marked", Log: slog.New(slog.DiscardHandler)})
	create := "Bearer " + token(t, secret, &auth.VideoGrant{RoomCreate: true}, "")
	adminA := "Bearer " + token(t, secret, &auth.VideoGrant{RoomAdmin: true, Room: "a"}, "")
	guest := "Bearer " + token(t, secret, &auth.VideoGrant{RoomJoin: true, Room: "a"}, "")
	forged := "Bearer " + token(t, "another secret of thirty-two char", &auth.VideoGrant{RoomCreate: true}, "")
	for _, tt := range []struct {
		name, method, path, body, bearer string
		want                             int
	}{
		{"no token", "POST", "/v1/rooms", `{"room":"a"}`, "", 401},
		{"who only joins", "POST", "/v1/rooms", `{"room":"a"}`, guest, 401},
		{"a forged token", "POST", "/v1/rooms", `{"room":"a"}`, forged, 401},
		{"no JSON", "POST", "/v1/rooms", `room`, create, 400},
		{"an unknown field", "POST", "/v1/rooms", `{"room":"a","language":"en"}`, create, 400},
		{"no language", "POST", "/v1/rooms", `{"room":"a","to":["Spanish"]}`, create, 400},
		{"another room", "POST", "/v1/rooms", `{"room":"b"}`, adminA, 401},
		{"the room's administrator", "POST", "/v1/rooms", `{"room":"a"}`, adminA, 201},
		{"again", "POST", "/v1/rooms", `{"room":"a"}`, create, 409},
		{"list", "GET", "/v1/rooms", "", create, 200},
		{"list for one room's", "GET", "/v1/rooms", "", adminA, 401},
		{"leave", "DELETE", "/v1/rooms/a", "", adminA, 204},
		{"leave another", "DELETE", "/v1/rooms/b", "", adminA, 401},
		{"leave none", "DELETE", "/v1/rooms/c", "", create, 404},
		{"health", "GET", "/healthz", "", "", 200},
		{"the page", "GET", "/", "", "", 200},
	} {
		if got := ask(h, tt.method, tt.path, tt.body, tt.bearer); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestWebhook(t *testing.T) {
	k := &rooms{}
	h := Handler(Config{Keeper: k, APIKey: "key", APISecret: secret, Join: "marked", Log: slog.New(slog.DiscardHandler)})
	send := func(body, key string) int {
		sum := sha256.Sum256([]byte(body))
		return ask(h, "POST", "/webhook", body, token(t, key, nil, base64.StdEncoding.EncodeToString(sum[:])))
	}
	const marked = `{"event":"room_started","room":{"name":"m","metadata":"{\"livedub\":true}"}}`
	if got := send(marked, "another secret of thirty-two char"); got != 401 || len(k.joined) > 0 {
		t.Errorf("forged: %d, joined %v", got, k.joined)
	}
	sum := sha256.Sum256([]byte("{}"))
	if got := ask(h, "POST", "/webhook", marked, token(t, secret, nil, base64.StdEncoding.EncodeToString(sum[:]))); got != 401 {
		t.Errorf("another body than was signed: %d", got)
	}
	for _, body := range []string{
		marked, marked, // LiveKit tells some events twice
		`{"event":"room_started","room":{"name":"plain","metadata":"no JSON"}}`,
		`{"event":"participant_joined","room":{"name":"other","metadata":"{\"livedub\":true}"}}`, `{"event":"room_finished"}`,
	} {
		if got := send(body, secret); got != 204 {
			t.Errorf("%s: %d", body, got)
		}
	}
	if !slices.Equal(k.joined, []string{"m"}) {
		t.Errorf("joined %v", k.joined)
	}
}

func FuzzMarked(f *testing.F) {
	f.Add(`{"livedub":{"from":"en","to":["es"]}}`)
	f.Add(`{"livedub":false}`)
	f.Fuzz(func(t *testing.T, metadata string) {
		if a, _ := Marked("room", metadata); check(a) != nil {
			t.Fatalf("%+v of %q", a, metadata)
		}
	})
}
