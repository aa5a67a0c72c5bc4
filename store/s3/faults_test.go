package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/netem"
	"livedub/internal/testkit/s3proc"
	"livedub/store"
)

// ask does everything that can be done and returns what failed.
func ask(t *testing.T, b *Bucket) map[string]error {
	path, _ := file(t, 100)
	_, linked := b.Link(t.Context(), "recordings/a/x", "", time.Minute)
	_, listed := b.List(t.Context(), "recordings/")
	_, _, read := get(b, t, "recordings/a/x", 0, -1)
	return map[string]error{
		"keep": b.Put(t.Context(), "recordings/a/x", path, ""), "read": read, "list": listed, "delete": b.Delete(t.Context(), "recordings/"), "check": b.Check(t.Context()), "check write": b.CheckWrite(t.Context()),
		"link": linked,
	}
}

// TestRefusals: each says what is wrong and whose setting it is, and nothing that is secret.
func TestRefusals(t *testing.T) {
	const leak = s3proc.Secret + " and " + s3proc.Key
	s := start(t, true)
	b := at(t, s.URL)
	for _, c := range []struct {
		fault   s3proc.Fault
		setting string
		kind    error
		says    string
	}{
		{s3proc.Refuse(403, "AccessDenied", "no "+leak), "credentials", nil, "allow s3:"},
		{s3proc.Refuse(403, "InvalidAccessKeyId", leak), "credentials", nil, "check access key"},
		{s3proc.Refuse(403, "SignatureDoesNotMatch", leak), "credentials", nil, "check access key"},
		{s3proc.Refuse(400, "ExpiredToken", leak), "credentials", nil, "have expired: renew"},
		{s3proc.Refuse(403, "RequestTimeTooSkewed", leak), "clock", nil, "clock of this machine"},
		{s3proc.Refuse(404, "NoSuchBucket", leak), "bucket", nil, "no such bucket"},
		{s3proc.Refuse(301, "PermanentRedirect", leak), "region", nil, "another region"},
		{s3proc.Refuse(400, "AuthorizationHeaderMalformed", leak), "region", nil, "another region"},
		{s3proc.Refuse(400, "KMS.DisabledException", leak), "kms_id", nil, "enabled?"},
		{s3proc.Refuse(400, "Whatever", leak), "", nil, "refuses it (Whatever 400"},
		{s3proc.Page(403, "text/html", "<html>forbidden "+leak), "credentials", nil, "403"},
		{s3proc.Page(403, "application/xml", "<Error><Code>Access"), "credentials", nil, "403"},
		{s3proc.Refuse(503, "SlowDown", leak), "", store.ErrUnavailable, "busy (SlowDown 503"},
		{s3proc.Refuse(500, "InternalError", leak), "", store.ErrUnavailable, "busy"},
		{s3proc.Page(502, "text/html", "<html>bad gateway"), "", store.ErrUnavailable, "502"},
		{s3proc.Page(200, "text/html", "<html><body>Please log in</body>"), "", store.ErrUnavailable, "proxy"},
		{s3proc.Page(302, "text/html", ""), "", store.ErrUnavailable, "302"},
	} {
		s.Fault(c.fault)
		for what, err := range ask(t, b) {
			if what == "link" {
				if err != nil {
					t.Error(err)
				}
				continue
			}
			var setting *SettingError
			switch isSetting := errors.As(err, &setting); {
			case err == nil:
				t.Errorf("%s, %s: it did not fail", c.says, what)
			case isSetting != (c.setting != "") || isSetting && setting.Setting != c.setting:
				t.Errorf("%s: %v: not of setting %q", what, err, c.setting)
			case errors.Is(err, store.ErrUnavailable) != (c.kind != nil):
				t.Errorf("%s: %v: kind", what, err)
			case !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), s3proc.Bucket):
				t.Errorf("%s: %q does not say %q", what, err, c.says)
			case strings.Contains(err.Error(), s3proc.Secret) || strings.Contains(err.Error(), s3proc.Key) || len(err.Error()) > 600:
				t.Errorf("%s: %q says too much", what, err)
			}
		}
	}
}

// TestFaultsThatPass: what does not last is not felt.
func TestFaultsThatPass(t *testing.T) {
	s := start(t, true)
	b := at(t, s.URL)
	for name, fault := range map[string]s3proc.Fault{
		"busy":         s3proc.Refuse(503, "SlowDown", "Please reduce your request rate."),
		"broken":       s3proc.Refuse(500, "InternalError", "We encountered an internal error."),
		"bad gateway":  s3proc.Page(502, "text/html", "<html>"),
		"wrong clock":  wrongClock,
		"no answer":    hangUp,
		"half a head":  halfAHead,
		"arrived late": s3proc.Refuse(400, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period."),
	} {
		s.Fault(s3proc.Times(1, fault))
		path, data := file(t, 1000)
		if err := b.Put(t.Context(), "recordings/a/x", path, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Fault(s3proc.Times(1, fault))
		if got, _, err := get(b, t, "recordings/a/x", 0, -1); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		s.Fault(s3proc.Times(1, fault))
		if err := b.Delete(t.Context(), "recordings/a/"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// wrongClock is what S3 answers when a clock is an hour off: the client learns the right time of it.
func wrongClock(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	s3proc.Answer(w, http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	return true
}

func hangUp(w http.ResponseWriter, _ *http.Request) bool {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close()
	}
	return true
}

func halfAHead(w http.ResponseWriter, _ *http.Request) bool {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nETa") // it is cut off in any case
		c.Close()
	}
	return true
}

// TestDamage: what is damaged on its way is never kept, and what went there in one piece never returned as whole.
func TestDamage(t *testing.T) {
	s := start(t, true)
	b := at(t, s.URL)
	b.part = 5 << 20
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	bent := at(t, front.URL)
	for _, size := range []int{1000, 11 << 20} {
		path, data := file(t, size)
		s.Fault(s3proc.Damage)
		if err := b.Put(t.Context(), "recordings/a/x", path, ""); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%d bytes: %v", size, err)
		}
		s.Fault(nil)
		if _, _, err := get(b, t, "recordings/a/x", 0, -1); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d bytes: there is something: %v", size, err)
		}
		if n := parts(t, b); n != 0 {
			t.Errorf("%d bytes: %d uploads were left", size, n)
		}
		if err := b.Put(t.Context(), "recordings/a/x", path, ""); err != nil {
			t.Fatal(err)
		}
		if got, _, err := get(bent, t, "recordings/a/x", 0, -1); size < 2000 && !errors.Is(err, store.ErrUnavailable) || bytes.Equal(got, data) {
			t.Errorf("%d bytes: damage was not seen: %v", size, err)
		}
		if err := b.Delete(t.Context(), "recordings/a/"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLine: what is cut off or stalls ends, is told, and leaves nothing half.
func TestLine(t *testing.T) {
	s := start(t, true)
	relay, err := netem.NewTCP(0, s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	b := at(t, "http://"+relay.Addr())
	b.part = 5 << 20
	path, data := file(t, 30<<20)
	small, words := file(t, 100)
	if err := b.Put(t.Context(), "recordings/a/small", small, ""); err != nil {
		t.Fatal(err)
	}
	for range 3 { // at some moment of the upload
		cut := time.AfterFunc(time.Duration(20+time.Now().UnixNano()%150)*time.Millisecond, relay.Kill)
		err := b.Put(t.Context(), "recordings/a/large", path, "")
		cut.Stop()
		relay.Restore()
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
		got, _, readErr := get(b, t, "recordings/a/large", 0, -1)
		if whole := readErr == nil && bytes.Equal(got, data); !whole && (err == nil || !errors.Is(readErr, store.ErrNotFound)) {
			t.Errorf("kept: %v, read: %d bytes, %v", err, len(got), readErr)
		}
		if err := b.Delete(t.Context(), "recordings/a/large"); err != nil {
			t.Error(err)
		}
		if n := parts(t, b); n != 0 {
			t.Errorf("%d uploads are left", n)
		}
	}

	relay.Blackhole()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := b.Put(short, "recordings/a/x", small, ""); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, leave)
	if _, err := b.List(gone, ""); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("given up: %v", err)
	}
	relay.Restore()
	if got, _, err := get(b, t, "recordings/a/small", 0, -1); err != nil || !bytes.Equal(got, words) {
		t.Errorf("afterwards: %d bytes, %v", len(got), err)
	}
}

// TestSilence: a connection that carries nothing ends by itself.
func TestSilence(t *testing.T) {
	s := start(t, false)
	relay, err := netem.NewTCP(0, s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	c := &http.Client{Transport: &http.Transport{DialContext: dial(200 * time.Millisecond)}}
	defer c.CloseIdleConnections()
	relay.Blackhole()
	_, err = c.Get("http://" + relay.Addr())
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
	relay.Restore()
	// What goes on, however slowly, is not silence.
	r, w := io.Pipe()
	go func() {
		for range 8 {
			time.Sleep(50 * time.Millisecond)
			if _, err := w.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
		w.Close()
	}()
	answer, err := c.Post("http://"+relay.Addr(), "", r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}

// TestNobodyThere: errors of the network say where, and no credentials.
func TestNobodyThere(t *testing.T) {
	alone(t)
	b := at(t, "http://"+groundtest.FreeAddr(t))
	for what, err := range ask(t, b) {
		if what != "link" && (!errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "Amz")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNoSuchHost: a name that there is not is a setting's fault, and one that cannot be looked up now is not.
func TestNoSuchHost(t *testing.T) {
	alone(t)
	b := at(t, "http://127.0.0.1:1")
	for _, none := range []bool{true, false} {
		signed := "http://nowhere/?X-Amz-Signature=" + s3proc.Secret
		err := b.fail("list", "", &url.Error{Op: "Get", URL: signed, Err: &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: none}})
		var s *SettingError
		if errors.As(err, &s) != none || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "nowhere") || strings.Contains(err.Error(), s3proc.Secret) {
			t.Errorf("%t: %v", none, err)
		}
	}
}
