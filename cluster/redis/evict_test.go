package redis

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"livedub/cluster"
	"livedub/internal/testkit/redistest"
)

// TestEviction: a Redis that would throw the record away is refused at the start, and
// what it may lose, or does not tell, is said.
func TestEviction(t *testing.T) {
	s := redistest.Start(t, "--user", "old", "on", ">pass", "~*", "+@all", "-info")
	o := Options{Addrs: []string{s.Addr}}
	r := connect(t, o, cluster.Rules{})
	for _, tt := range []struct{ policy, most, blamed, warning string }{
		{"noeviction", "0", "", ""},
		{"noeviction", "100mb", "", ""},
		{"allkeys-lru", "0", "", "maxmemory-policy allkeys-lru"},
		{"volatile-ttl", "0", "", ""},
		{"volatile-ttl", "100mb", "", "maxmemory-policy volatile-ttl"},
		{"allkeys-lru", "100mb", "maxmemory-policy", ""},
		{"allkeys-random", "100mb", "maxmemory-policy", ""},
	} {
		for name, value := range map[string]string{"maxmemory-policy": tt.policy, "maxmemory": tt.most} {
			if err := r.rdb.ConfigSet(t.Context(), name, value).Err(); err != nil {
				t.Fatal(err)
			}
		}
		warning, err := r.Check(t.Context())
		if setting(err) != tt.blamed || (err == nil) != (tt.blamed == "") || (warning == "") != (tt.warning == "") || !strings.Contains(warning, tt.warning) {
			t.Errorf("%s, %s: %q, %v", tt.policy, tt.most, warning, err)
		}
		for _, said := range []string{warning, errorText(err)} {
			if said != "" && !strings.Contains(said, "set maxmemory-policy noeviction") {
				t.Errorf("%s: it is not said what to set: %s", tt.policy, said)
			}
		}
	}
	o.User, o.Password = "old", "pass"
	if warning, err := connect(t, o, cluster.Rules{}).Check(t.Context()); err != nil || !strings.Contains(warning, "+info") {
		t.Errorf("a user that may not look: %q, %v", warning, err)
	}
}

// TestStartsInVain: a node or gateway that starts while Redis cannot be written is told why.
func TestStartsInVain(t *testing.T) {
	master := redistest.Start(t)
	host, port, _ := net.SplitHostPort(master.Addr)
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	r := connect(t, Options{Addrs: []string{replica.Addr}}, cluster.Rules{})
	soon(t, "the replica", func(ctx context.Context) error {
		_, err := r.Check(ctx)
		if setting(err) == "addresses" && strings.Contains(err.Error(), "name the master") {
			return nil
		}
		return errors.Join(errors.New("not refused as a replica"), err)
	})
	w := connect(t, Options{Addrs: []string{master.Addr}}, cluster.Rules{})
	if err := w.rdb.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Check(t.Context()); setting(err) != "memory" || !strings.Contains(err.Error(), "raise maxmemory") {
		t.Errorf("a full Redis: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
