package redis

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"livedub/cluster"
)

// Options say where Redis is.
type Options struct {
	Addrs            []string      // host:port; of Sentinels where Master is set, some nodes of a Redis Cluster where Cluster is
	Master           string        // the name by which Sentinels know the master
	Cluster          bool          // Redis Cluster
	User             string        // ACL user; empty is the default one
	Password         string        //
	SentinelUser     string        //
	SentinelPassword string        //
	TLS              *tls.Config   // nil for none
	DB               int           // 0..15; 0 with Cluster
	Prefix           string        // names this cluster among others in the same Redis: see cluster.CheckID; "dub"
	Connections      int           // at most; 16
	Timeout          time.Duration // of each try of a step, of which there are two, and of connecting; 1 s

	// Now is this machine's clock, by which Pulse.Offset is told; time.Now if nil.
	Now func() time.Time
}

// SettingError says which of the options keeps Redis from being used.
type SettingError struct {
	Setting string // "addresses", "master", "user", "password", "sentinel_password", "tls", "db", "prefix"; Redis' own: "maxmemory-policy", "memory", "disk"
	Err     error
}

func (e *SettingError) Error() string { return fmt.Sprintf("redis: %s: %v", e.Setting, e.Err) }
func (e *SettingError) Unwrap() error { return e.Err }

// The client would write to stderr what its calls return anyway.
func init() { logging.Disable() }

// New returns a registry in a Redis that may be away. It fails with a SettingError
// for options that can never work; Check finds those that Redis itself refuses.
func New(o Options, rules cluster.Rules) (*Registry, error) {
	o.Prefix = cmp.Or(o.Prefix, "dub")
	switch {
	case len(o.Addrs) == 0:
		return nil, &SettingError{"addresses", errors.New("none: give HOST:PORT")}
	case o.Cluster && o.Master != "":
		return nil, &SettingError{"master", errors.New("a Redis Cluster has no Sentinels: use one of them")}
	case o.DB != 0 && o.Cluster || o.DB < 0:
		return nil, &SettingError{"db", fmt.Errorf("%d: Redis Cluster has 0 only, others 0 to 15", o.DB)}
	case cluster.CheckID(o.Prefix) != nil:
		return nil, &SettingError{"prefix", cluster.CheckID(o.Prefix)}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// A caller that waits for a place is told within two seconds that there is no telling.
	o.Timeout = cmp.Or(o.Timeout, time.Second)
	return &Registry{
		rules: rules.WithDefaults(), prefix: "{" + o.Prefix + "}:", now: o.Now, tokens: map[string]string{},
		rdb: redis.NewUniversalClient(&redis.UniversalOptions{
			Addrs: o.Addrs, MasterName: o.Master, IsClusterMode: o.Cluster, DB: o.DB,
			Username: o.User, Password: o.Password, SentinelUsername: o.SentinelUser, SentinelPassword: o.SentinelPassword,
			TLSConfig: o.TLS, ClientName: "livedub", PoolSize: cmp.Or(o.Connections, 16),
			DialTimeout: o.Timeout, DialerRetries: 1, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
			ContextTimeoutEnabled: true, MaxRetries: 1, MinRetryBackoff: 10 * time.Millisecond, MaxRetryBackoff: 50 * time.Millisecond,
			DisableIdentity: true,
		}),
	}, nil
}

// ACL returns the rules of the user that a registry with this prefix needs, as
// ACL SETUSER takes them; the password is added by the operator.
func ACL(prefix string) []string {
	return []string{"on", "resetkeys", "~{" + cmp.Or(prefix, "dub") + "}:*", "~{s:*", "resetchannels", "-@all",
		"+@read", "+@write", "+@transaction", "-@dangerous", "+eval", "+evalsha", "+time", "+ping", "+hello", "+client|setname",
		"+readonly", "+cluster|slots", "+cluster|shards", "+command", "+info"}
}
