package remote

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// server answers as it is told, and a client of it.
func server(t *testing.T, key string, answer http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(answer)
	c, err := New(s.URL+"/v1/", key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.CloseClientConnections(); s.Close() })
	return c
}

func TestPost(t *testing.T) {
	c := server(t, "secret", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v1/echo" || r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(b)
	})
	var out map[string]string
	if err := c.Post(t.Context(), "echo", map[string]string{"a": "b"}, &out); err != nil || out["a"] != "b" {
		t.Errorf("%v, %v", out, err)
	}
}

// TestBadServers: each is told by what it does; none is waited for beyond ctx.
func TestBadServers(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   error
		says   string
	}{
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}, ErrAnswer, "HTML"},
		"no JSON":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, ErrAnswer, "invalid character"},
		"another shape": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `["a"]`) }, ErrAnswer, "cannot unmarshal"},
		"nothing":       {func(http.ResponseWriter, *http.Request) {}, ErrAnswer, "unexpected end"},
		"100 MB": {func(w http.ResponseWriter, r *http.Request) {
			for range 100 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, ErrAnswer, "larger than"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"a":`)
		}, ErrAnswer, "broke off after 5 bytes"},
		"401":      {refuse(401, `{"error":{"message":"wrong key"}}`, ""), nil, "401 Unauthorized: wrong key"},
		"500":      {refuse(500, "<html>oops</html>", ""), nil, "500 Internal Server Error"},
		"a string": {refuse(400, `{"error":"no such\nmodel"}`, ""), nil, "400 Bad Request: no such model"},
		"much":     {refuse(400, `{"error":"`+strings.Repeat("x", 5000)+`"}`, ""), nil, "xxx..."},
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		}, nil, "redirects"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			cl := server(t, "secret", c.answer)
			var out struct{ A string }
			err := cl.Post(t.Context(), "x", nil, &out)
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v", err)
			}
		})
	}
}

func refuse(code int, body, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// TestStallingServers: who stalls or drips is given up on with ctx.
func TestStallingServers(t *testing.T) {
	gone := make(chan struct{})
	defer close(gone)
	for name, answer := range map[string]http.HandlerFunc{
		"stalls": func(_ http.ResponseWriter, r *http.Request) { wait(r, gone, time.Minute) },
		"drips": func(w http.ResponseWriter, r *http.Request) {
			for wait(r, gone, 10*time.Millisecond) {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
			}
		},
	} {
		c := server(t, "", answer)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := c.Post(ctx, "x", nil, new(any))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func wait(r *http.Request, gone chan struct{}, d time.Duration) bool {
	select {
	case <-r.Context().Done():
		return false
	case <-gone:
		return false
	case <-time.After(d):
		return true
	}
}

// TestPause: a server that asks to be left alone is, for as long as it says, a minute at most.
func TestPause(t *testing.T) {
	for after, want := range map[string]time.Duration{
		"3": 3 * time.Second, "": time.Second, "nonsense": time.Second, "0": 0, "-5": 0, "99999": time.Minute,
		"Mon, 01 Jan 2001 00:00:00 GMT": time.Minute, "Fri, 31 Dec 1999 00:00:00 GMT": 0,
	} {
		synctest.Test(t, func(t *testing.T) { // begins on 2000-01-01
			calls, code := 0, 429
			c, err := New("http://engine.example/v1", "")
			if err != nil {
				t.Fatal(err)
			}
			c.http.Transport = round(func(r *http.Request) *http.Response {
				calls++
				w := httptest.NewRecorder()
				if code == 200 {
					_, _ = io.WriteString(w, "{}")
				} else {
					refuse(code, "", after)(w, r)
				}
				return w.Result()
			})
			var refused *StatusError
			if err := c.Get(t.Context(), "x", new(any)); !errors.As(err, &refused) || refused.Code != 429 {
				t.Fatal(err)
			}
			code = 200
			if want > 0 {
				time.Sleep(want - time.Millisecond)
				if err := c.Get(t.Context(), "x", new(any)); !errors.Is(err, ErrBusy) || calls != 1 {
					t.Errorf("%q: before its time: %v, %d calls", after, err, calls)
				}
				time.Sleep(2 * time.Millisecond)
			}
			if err := c.Get(t.Context(), "x", new(any)); err != nil || calls != 2 {
				t.Errorf("%q: after its time: %v, %d calls", after, err, calls)
			}
		})
	}
}

type round func(*http.Request) *http.Response

func (r round) RoundTrip(req *http.Request) (*http.Response, error) { return r(req), nil }

func TestAddresses(t *testing.T) {
	for base, good := range map[string]bool{
		"http://127.0.0.1:11434/v1": true, "https://api.example.com": true, "http://[::1]:80/": true,
		"": false, "localhost:11434": false, "ftp://a/": false, "http://": false, "http://a?b": false, "http://user:pass@a/": false, "http://a b/": false,
	} {
		if _, err := New(base, ""); (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func FuzzRefusal(f *testing.F) {
	for _, s := range []string{`{"error":{"message":"x"}}`, `{"error":"x"}`, `{"error":{}}`, `[]`, "\xff", `{"error":"` + strings.Repeat("é", 300) + `"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := refusal(&http.Response{StatusCode: 500}, body)
		if len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\n\r") || !json.Valid([]byte(`"`+strings.NewReplacer(`\`, ``, `"`, ``).Replace(strings.ToValidUTF8(clean(err.Error()), ""))+`"`)) {
			t.Errorf("%q", err)
		}
	})
}

// clean takes out control characters, which an error may hold and JSON may not.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, s)
}
