package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHosts(t *testing.T) {
	g, err := New([]string{"cdn.example.com", "*.Example.net", "10.0.0.7", "[fd00::1]", "192.168.1.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	for host, ok := range map[string]bool{
		"cdn.example.com": true, "CDN.example.com.": true, "a.example.net": true, "a.b.example.net": true, "10.0.0.7": true, "[fd00::1]": true, "192.168.1.9": true,
		"example.com": false, "example.net": false, "evilexample.net": false, "cdn.example.com.evil.org": false, "10.0.0.8": false, "localhost": false,
		"": false, "0x7f.1": false, "2130706433": false, "169.254.169.254": false, "::ffff:10.0.0.8": false, "::ffff:10.0.0.7": true,
	} {
		if err := g.Host(host); (err == nil) != ok || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", host, err)
		}
	}
	for _, bad := range []string{"", "*", "a*b.org", "http://x", "x:80", "a/b"} {
		if _, err := New([]string{bad}); err == nil {
			t.Errorf("%q is taken for a host", bad)
		}
	}
}

func TestAddresses(t *testing.T) {
	g, err := New([]string{"10.0.0.7", "cdn.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for addr, ok := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "10.0.0.7": true, "::ffff:10.0.0.7": true,
		"10.0.0.8": false, "127.0.0.1": false, "::1": false, "169.254.169.254": false, "::ffff:169.254.169.254": false, "fd00:ec2::254": false,
		"fe80::1": false, "192.168.0.1": false, "172.16.0.1": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "224.0.0.1": false,
		"255.255.255.255": false, "64:ff9b::a9fe:a9fe": false, "2002:a9fe:a9fe::1": false, "198.18.0.1": false,
	} {
		if err := g.Addr(netip.MustParseAddr(addr)); (err == nil) != ok {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if g.Addr(netip.Addr{}) == nil {
		t.Error("no address is taken for a public one")
	}
}

// TestRedirects: an answer leads nowhere that the operator has not listed, and a
// listed name leads nowhere inside.
func TestRedirects(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host+r.URL.Path)
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	}))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	for name, c := range map[string]struct {
		hosts []string
		url   string
		fine  bool
	}{
		"listed":                   {[]string{"127.0.0.1"}, srv.URL + "/a", true},
		"listed, redirected there": {[]string{"127.0.0.1"}, srv.URL + "/?to=/b", true},
		"unlisted":                 {nil, srv.URL + "/c", false},
		"to metadata":              {[]string{"127.0.0.1"}, srv.URL + "/?to=http://169.254.169.254/latest/meta-data/", false},
		"to a name":                {[]string{"127.0.0.1"}, srv.URL + "/?to=http://localhost" + port + "/d", false},
		"to a file":                {[]string{"127.0.0.1"}, srv.URL + "/?to=file:///etc/passwd", false},
		"a name that leads inside": {[]string{"localhost"}, "http://localhost" + port + "/e", false},
		"with its address":         {[]string{"localhost", "127.0.0.1", "::1"}, "http://localhost" + port + "/f", true},
	} {
		g, err := New(c.hosts)
		if err != nil {
			t.Fatal(err)
		}
		client := g.Client(5 * time.Second)
		resp, err := client.Get(c.url)
		if (err == nil) != c.fine || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			resp.Body.Close()
		}
		client.CloseIdleConnections()
	}
	for _, a := range asked {
		if strings.HasSuffix(a, "/c") || strings.HasSuffix(a, "/d") || strings.HasSuffix(a, "/e") {
			t.Errorf("asked for %s", a)
		}
	}
}
