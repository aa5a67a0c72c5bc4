// Package registry opens the cluster's record that the settings name, for nodes
// and gateways alike.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/internal/config"
	"livedub/signaling/access"
)

// checkTime is how long Redis may take to answer at the start.
const checkTime = 3 * time.Second

// Open connects to the Redis of cluster.url and checks that it can be used. Its
// errors name the setting; what goes well for now is logged. The caller closes the registry.
func Open(ctx context.Context, c config.Cluster, log *slog.Logger) (*redis.Registry, error) {
	o, err := Options(c.URL)
	if err != nil {
		return nil, fmt.Errorf("cluster.url: %w", err)
	}
	o.Prefix = c.Name
	r, err := redis.New(o, Rules(c))
	if err != nil {
		return nil, named(err)
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	warning, err := r.Check(ctx)
	if err != nil {
		return nil, errors.Join(named(err), r.Close())
	}
	if warning != "" {
		log.Warn("cluster.url: " + warning)
	}
	return r, nil
}

// Rules returns the cluster's rules.
func Rules(c config.Cluster) cluster.Rules { return cluster.Rules{Policy: cluster.Policy(c.Policy)} }

// named says which setting an error of Redis is about.
func named(err error) error {
	var s *redis.SettingError
	switch {
	case errors.As(err, &s) && s.Setting == "prefix":
		return fmt.Errorf("cluster.name: %w", s.Err)
	case errors.As(err, &s):
		return fmt.Errorf("cluster.url: its %s: %w", strings.ReplaceAll(s.Setting, "_", " "), s.Err)
	}
	return fmt.Errorf("cluster.url: is Redis there, and does the address name it? %w", err)
}

// Options reads the address of a Redis: redis://[USER:PASSWORD@]HOST[:PORT][/DB],
// rediss:// for TLS, redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST...]/MASTER[/DB]
// and redis+cluster://HOST[:PORT][,HOST...], each also with rediss. The query takes
// sentinel_user, sentinel_password and insecure=true, which trusts any certificate.
// No error repeats the address, which holds a password.
func Options(text string) (redis.Options, error) {
	const form = "write it as redis://USER:PASSWORD@HOST:6379"
	scheme, rest, ok := strings.Cut(text, "://")
	base, kind, _ := strings.Cut(scheme, "+")
	if !ok || base != "redis" && base != "rediss" || kind != "" && kind != "sentinel" && kind != "cluster" {
		return redis.Options{}, errors.New("no address of a Redis: " + form)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	var o redis.Options
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		user, password, with := strings.Cut(authority[:at], ":")
		if !with { // as some write it
			user, password = "", user
		}
		var err, perr error
		o.User, err = url.PathUnescape(user)
		o.Password, perr = url.PathUnescape(password)
		if err != nil || perr != nil {
			return redis.Options{}, errors.New("user or password hold a % that escapes nothing: write it as %25")
		}
	}
	port := "6379"
	if kind == "sentinel" {
		port = "26379"
	}
	for _, h := range strings.Split(hosts, ",") {
		addr, err := address(h, port)
		if err != nil {
			return redis.Options{}, err
		}
		o.Addrs = append(o.Addrs, addr)
	}
	o.Cluster = kind == "cluster"
	if kind == "" && len(o.Addrs) > 1 {
		return redis.Options{}, errors.New("several hosts: a single Redis has one, redis+sentinel:// and redis+cluster:// take several")
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if kind == "sentinel" {
		if o.Master = parts[0]; o.Master == "" {
			return redis.Options{}, errors.New("the master's name is missing: write it as redis+sentinel://HOST:26379/MASTER")
		}
		parts = parts[1:]
	}
	if len(parts) > 0 && parts[0] != "" {
		db, err := strconv.Atoi(parts[0])
		if err != nil || db < 0 || len(parts) > 1 {
			return redis.Options{}, errors.New("what follows the host is no number of a database: " + form + "/0")
		}
		o.DB = db
	}
	return o, options(&o, query, base == "rediss")
}

// address completes a host by the usual port.
func address(h, port string) (string, error) {
	host, p, err := net.SplitHostPort(h)
	if err != nil {
		host, p = strings.Trim(h, "[]"), port
	}
	n, err := strconv.Atoi(p)
	if host == "" || strings.ContainsAny(host, " /@") || err != nil || n < 1 || n > 65535 {
		return "", errors.New("a host is missing, or its port is none: write each as HOST:6379")
	}
	return net.JoinHostPort(host, p), nil
}

// options reads the query.
func options(o *redis.Options, query string, secure bool) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("what follows the ? cannot be read")
	}
	for name := range q {
		switch name {
		case "sentinel_user", "sentinel_password", "insecure":
		default:
			return fmt.Errorf("unknown option %.40q: there are sentinel_user, sentinel_password, insecure", name)
		}
	}
	o.SentinelUser, o.SentinelPassword = q.Get("sentinel_user"), q.Get("sentinel_password")
	if secure {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: q.Get("insecure") == "true"}
		if len(o.Addrs) == 1 && !o.Cluster && o.Master == "" {
			o.TLS.ServerName, _, _ = net.SplitHostPort(o.Addrs[0])
		}
	} else if q.Has("insecure") {
		return errors.New("insecure is about certificates: it goes with rediss://")
	}
	return nil
}

// Key returns the secret that the cluster's nodes and gateways share, from the
// settings or from the file that they name.
func Key(c config.Cluster, log *slog.Logger) (access.Key, error) {
	path := c.SecretFile
	switch {
	case c.Secret != "" && path != "":
		return access.Key{}, errors.New("cluster.secret and cluster.secret_file are both set: keep one")
	case c.Secret != "":
		return access.NewKey(c.Secret)
	case path == "":
		var err error
		if path, err = access.ClusterFile(); err != nil {
			return access.Key{}, fmt.Errorf("cluster.secret: %w: set it, or cluster.secret_file", err)
		}
	}
	key, exposed, err := access.LoadOrMake(path)
	if exposed {
		log.Warn("others on this machine may read the cluster's secret: chmod 600 the file", "file", path)
	}
	if err != nil {
		return access.Key{}, fmt.Errorf("cluster.secret_file: %w", err)
	}
	return key, nil
}
