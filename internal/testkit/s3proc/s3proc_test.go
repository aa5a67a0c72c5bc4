package s3proc

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/internal/testkit/groundtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends a request with headers and returns what is answered, as "200 body".
func ask(t *testing.T, method, url, body string, headers ...string) string {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status[:3] + " " + string(text)
}

// TestServer: it keeps what comes with the right key and sums, and nothing else.
func TestServer(t *testing.T) {
	s, err := New(false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at, known := s.URL+"/"+Bucket+"/a/b", "AWS4-HMAC-SHA256 Credential="+Key+"/x"
	const sha, crc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "Nks/tw==" // of "abc"
	for _, c := range []struct {
		name, want string
		headers    []string
	}{
		{"no key", "403 ", nil},
		{"another key", "403 ", []string{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIAOTHER/x"}},
		{"a wrong hash", "400 ", []string{"Authorization", known, "X-Amz-Content-Sha256", strings.Repeat("0", 64)}},
		{"a wrong sum", "400 ", []string{"Authorization", known, "X-Amz-Checksum-Crc32c", "AAAAAA=="}},
		{"right ones", "200 ", []string{"Authorization", known, "X-Amz-Content-Sha256", sha, "X-Amz-Checksum-Crc32c", crc}},
	} {
		if got := ask(t, "PUT", at, "abc", c.headers...); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
		keys, err := s.Has("a/")
		if err != nil || (len(keys) == 1) != (c.want == "200 ") {
			t.Errorf("%s: %v, %v", c.name, keys, err)
		}
	}
	s.Fault(Times(1, Refuse(503, "SlowDown", "slowly")))
	if got := ask(t, "GET", at, "", "Authorization", known); !strings.Contains(got, "<Code>SlowDown</Code>") {
		t.Error(got)
	}
	if got := ask(t, "GET", at, "", "Authorization", known); got != "200 abc" {
		t.Error(got)
	}
	s.Fault(Damage)
	if got := ask(t, "PUT", at, "abc", "Authorization", known, "X-Amz-Content-Sha256", sha); !strings.HasPrefix(got, "400 ") {
		t.Error(got)
	}
	if n := s.Requests("PUT"); n != 6 {
		t.Errorf("%d requests", n)
	}
}

func TestMoto(t *testing.T) {
	m, err := NewMoto()
	if errors.Is(err, ErrMissing) {
		groundtest.Skip(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Make(Bucket); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, "GET", m.URL+"/"+Bucket+"?versioning", "", "Authorization", "AWS4-HMAC-SHA256 Credential="+Key+"/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"); !strings.Contains(got, "<Status>Enabled</Status>") {
		t.Error(got)
	}
}
