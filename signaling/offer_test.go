package signaling

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// chromium is a browser's offer with lines put into its last section.
func chromium(t testing.TB, lines string) string {
	b, err := os.ReadFile("signalingtest/chromium_156_offer.sdp")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + lines
}

// each writes a format n times, with the numbers from 1.
func each(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1)
	}
	return b.String()
}

func TestOfferBounds(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		want  *Kind
	}{
		"as it is":           {"", nil},
		"a few more":         {each(40, "a=ssrc:%d cname:x\r\n") + each(30, "a=candidate:%d 1 udp 1 192.0.2.1 9 typ host\r\n"), nil},
		"14,000 a=ssrc":      {each(14000, "a=ssrc:%d cname:x\r\n"), ErrTooLarge},
		"a=ssrc":             {each(maxSSRCs+1, "a=ssrc:%d cname:x\r\n"), ErrTooLarge},
		"candidates":         {each(maxCandidates+1, "a=candidate:%d 1 udp 1 192.0.2.1 9 typ host\r\n"), ErrTooLarge},
		"attributes":         {each(maxAttributes, "a=x:%d\r\n"), ErrTooLarge},
		"lines":              {each(maxOfferLines, "b=%d\r\n"), ErrTooLarge},
		"lines ended by CR":  {each(maxOfferLines, "b=%d\r"), ErrTooLarge},
		"a long line":        {"a=x:" + strings.Repeat("x", maxOfferLine) + "\r\n", ErrTooLarge},
		"sections":           {each(maxMedia, "m=video 9 UDP/TLS/RTP/SAVPF %d\r\n"), ErrTooLarge},
		"equal mids":         {"a=mid:0\r\n", ErrBadOffer},
		"md5":                {"a=fingerprint:md5 AA:BB\r\n", ErrBadOffer},
		"MD5 in another way": {"a= Fingerprint: MD5 AA:BB\r\n", ErrBadOffer},
		"sha-1":              {"a=fingerprint:sha-1 AA:BB\r\n", ErrBadOffer},
		"sha-512":            {"a=fingerprint:SHA-512 AA:BB\r\n", nil},
		"holdconn":           {"a=setup:holdconn\r\n", ErrBadOffer},
	} {
		if err := CheckOffer(chromium(t, c.lines)); c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// BenchmarkCheckOffer compares a browser's offer with the largest that passes and one that floods.
func BenchmarkCheckOffer(b *testing.B) {
	for name, offer := range map[string]string{
		"chromium": chromium(b, ""), "flood": chromium(b, each(14000, "a=ssrc:%d cname:x\r\n")), "fullest": chromium(b, each(maxOfferLines-200, "b=%d\r\n")),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = CheckOffer(offer)
			}
		})
	}
}

func TestFieldsGivenTwice(t *testing.T) {
	for _, s := range []string{
		`{"consent":false,"consent":true}`, `{"from":"en","to":["es"],"\u0066rom":"es"}`,
	} {
		if err := Decode([]byte(s), &sample{}); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s: %v", s, err)
		}
	}
	for s, want := range map[string]string{
		`{"a":[{"b":1},{"b":"b"}],"b":{"b":{}}}`: "", `{"a":{"x":[{"b":1,"c":"b","b":2}]}}`: "b", `["a","a"]`: "", `{"a":"a"}`: "",
	} {
		if got, err := repeated([]byte(s)); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", s, got, err, want)
		}
	}
	if _, err := repeated([]byte(strings.Repeat("[", 100) + strings.Repeat("]", 100))); err == nil {
		t.Error("nested 100 deep")
	}
}

// TestHalfSentBody: what does not come whole ends in time, with its connection,
// after an answer; a whole one keeps the connection.
func TestHalfSentBody(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := readBody(w, r, 1000, 50*time.Millisecond); err != nil {
			WriteError(w, r, slog.New(slog.DiscardHandler), err)
		}
	}))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600\r\n\r\n{\"from\":"); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(c) // to its end
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 504 ") || !strings.Contains(string(answer), "Connection: close") {
		t.Errorf("%v, %s", err, answer)
	}
	if resp, err := http.Post(srv.URL, "text/plain", strings.NewReader("whole")); err != nil || resp.StatusCode != 200 || resp.Close {
		t.Errorf("%v, %v", resp, err)
	}
}
