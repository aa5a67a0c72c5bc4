package registry

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/cluster/redis"
	"livedub/internal/config"
	"livedub/internal/testkit/redistest"
)

var quiet = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOptions(t *testing.T) {
	for text, want := range map[string]redis.Options{
		"redis://a":                                   {Addrs: []string{"a:6379"}},
		"redis://[::1]:7/3":                           {Addrs: []string{"[::1]:7"}, DB: 3},
		"redis://ana:p%40ss%3A@a:7":                   {Addrs: []string{"a:7"}, User: "ana", Password: "p@ss:"},
		"redis://:pass@a":                             {Addrs: []string{"a:6379"}, Password: "pass"},
		"redis://pass@a":                              {Addrs: []string{"a:6379"}, Password: "pass"},
		"redis+sentinel://u:p@a,b:7/main/2":           {Addrs: []string{"a:26379", "b:7"}, Master: "main", DB: 2, User: "u", Password: "p"},
		"redis+sentinel://a/m?sentinel_password=x%26": {Addrs: []string{"a:26379"}, Master: "m", SentinelPassword: "x&"},
		"redis+cluster://a,b":                         {Addrs: []string{"a:6379", "b:6379"}, Cluster: true},
	} {
		got, err := Options(text)
		if err != nil || !slices.Equal(got.Addrs, want.Addrs) || got.User != want.User || got.Password != want.Password || got.Master != want.Master ||
			got.Cluster != want.Cluster || got.DB != want.DB || got.SentinelPassword != want.SentinelPassword || got.TLS != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	secure, err := Options("rediss://a")
	if err != nil || secure.TLS == nil || secure.TLS.InsecureSkipVerify || secure.TLS.ServerName != "a" {
		t.Errorf("rediss: %+v, %v", secure, err)
	}
	if secure, err = Options("rediss+cluster://a?insecure=true"); err != nil || !secure.TLS.InsecureSkipVerify || secure.TLS.ServerName != "" {
		t.Errorf("insecure: %+v, %v", secure, err)
	}
}

func TestOptionsRefuse(t *testing.T) {
	for text, want := range map[string]string{
		"": "redis://", "a:6379": "redis://", "http://a": "redis://", "redis+x://a": "redis://", "redis://": "host", "redis://a:0": "port",
		"redis://a,b": "several hosts", "redis://a/x": "database", "redis://a/1/2": "database", "redis://a/-1": "database",
		"redis+sentinel://a": "master", "redis://hush%zz@a": "%25", "redis://hush@a?x=1": "unknown option", "redis://a?insecure=true": "rediss",
	} {
		if _, err := Options(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzOptions(f *testing.F) {
	for _, s := range []string{"redis://a", "rediss://u:p@a:1/2?insecure=true", "redis+sentinel://a,b/m/1", "redis+cluster://[::1]:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := Options(s)
		if err == nil && (len(o.Addrs) == 0 || o.DB < 0) {
			t.Errorf("%q: %+v", s, o)
		}
	})
}

func TestOpen(t *testing.T) {
	r := redistest.Start(t, "--requirepass", "right")
	good, err := Open(t.Context(), config.Cluster{URL: "redis://:right@" + r.Addr, Name: "dub"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	good.Close()
	for _, tt := range []struct{ url, name, want string }{
		{"redis://:wrong@" + r.Addr, "dub", "cluster.url: its password"},
		{"redis://:right@" + r.Addr + "/99", "dub", "cluster.url: its db"},
		{"redis://:right@" + r.Addr, "a b", "cluster.name"},
		{"nonsense", "dub", "cluster.url"},
	} {
		if _, err := Open(t.Context(), config.Cluster{URL: tt.url, Name: tt.name}, quiet); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: %v, want %q", tt.url, err, tt.want)
		}
	}
}

func TestKey(t *testing.T) {
	log := quiet
	file := filepath.Join(t.TempDir(), "cluster.key")
	one, err := Key(config.Cluster{SecretFile: file}, log)
	two, err2 := Key(config.Cluster{SecretFile: file}, log)
	if err != nil || err2 != nil || string(one.Derive("x")) != string(two.Derive("x")) {
		t.Errorf("%v, %v", err, err2)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if _, err := Key(config.Cluster{Secret: strings.Repeat("x", 32), SecretFile: file}, log); err == nil {
		t.Error("both are taken")
	}
}
