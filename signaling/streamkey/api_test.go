package streamkey

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"livedub/signaling"
	"livedub/signaling/ledger"
)

const operator = "0123456789abcdef-of-the-operator"

// TestAPI: the operator makes, lists, replaces and removes keys; nobody else learns that there are any.
func TestAPI(t *testing.T) {
	store := ledger.NewFile(t.TempDir())
	k := follow(t, store)
	mux := http.NewServeMux()
	NewAPI(store, quiet).Register(mux)
	h := signaling.NewAccess(signaling.AccessConfig{OperatorToken: operator, Hosts: []string{"live.example"}}).Guard(mux)
	ask := func(bearer, method, path, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Host, r.RemoteAddr = "live.example", "192.0.2.1:5"
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b, _ := io.ReadAll(w.Body)
		return w.Code, string(b)
	}
	const body = `{"name":"studio","from":"en","to":["es","ca"],"consent":true,"delay_ms":4000}`
	for _, c := range [][]string{{"GET", "/v1/keys", ""}, {"POST", "/v1/keys", body}, {"DELETE", "/v1/keys/studio", ""}, {"POST", "/v1/keys/studio/rotate", ""}} {
		for _, bearer := range []string{"", "x", "eyJhbGciOiJub25lIn0.e30."} {
			if code, said := ask(bearer, c[0], c[1], c[2]); code != 404 || strings.Contains(said, "key") {
				t.Errorf("a stranger's %v: %d %s", c, code, said)
			}
		}
	}
	code, said := ask(operator, "POST", "/v1/keys", body)
	var made Shown
	if err := json.Unmarshal([]byte(said), &made); code != 201 || err != nil || made.Key == "" || made.Created.IsZero() {
		t.Fatalf("%d %s", code, said)
	}
	if s := find(t, k, made.Key, true); s.Name != "studio" || !s.Consent || s.Delay.Seconds() != 4 {
		t.Errorf("%+v", s)
	}
	if code, said := ask(operator, "GET", "/v1/keys", ""); code != 200 || strings.Contains(said, made.Key) || strings.Contains(said, "sha256") || !strings.Contains(said, `"studio"`) {
		t.Errorf("%d %s", code, said)
	}
	code, said = ask(operator, "POST", "/v1/keys/studio/rotate", "")
	var again Shown
	if err := json.Unmarshal([]byte(said), &again); code != 200 || err != nil || again.Key == made.Key {
		t.Fatalf("%d %s", code, said)
	}
	find(t, k, made.Key, false)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/v1/keys", body, 409}, {"POST", "/v1/keys", "{", 400}, {"POST", "/v1/keys", `{"name":"../x","from":"en","to":["es"]}`, 400},
		{"POST", "/v1/keys", `{"name":"a","from":"en","to":[]}`, 400}, {"POST", "/v1/keys", `{"name":"a","from":"en","to":["es"],"delay_ms":-1}`, 400},
		{"POST", "/v1/keys", `{"name":"a","from":"en","to":["es"],"delay_ms":9223372036854775807}`, 400}, {"POST", "/v1/keys", `{"name":"a","from":"en","to":["es"],"profile":"x"}`, 400},
		{"POST", "/v1/keys/nobody/rotate", "", 404}, {"DELETE", "/v1/keys/nobody", "", 404}, {"DELETE", "/v1/keys/studio", "", 204}, {"PUT", "/v1/keys", "", 405},
	} {
		if code, said := ask(operator, c.method, c.path, c.body); code != c.want {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, code, said)
		}
	}
	find(t, k, again.Key, false)
}
