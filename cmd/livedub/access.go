package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"livedub/cluster/redis"
	"livedub/internal/auth"
	"livedub/internal/config"
	"livedub/signaling"
	"livedub/signaling/access"
)

// openAuth opens what tokens and stream keys are checked by. It returns the key of
// capabilities too.
func openAuth(ctx context.Context, c config.Config, node *membership, log *slog.Logger) (*auth.Auth, access.Key, error) {
	var key access.Key
	var reg *redis.Registry
	var err error
	if node != nil {
		reg = node.reg
	}
	if node != nil && ownKey(c) {
		key = node.key.For("capabilities") // the same at all nodes, whatever is set elsewhere
	} else if key, err = serverKey(c.Access, log); err != nil {
		return nil, key, err
	}
	a, err := auth.Open(ctx, c.Auth, reg, key, log)
	return a, key, err
}

// ownKey tells whether the settings leave the key of capabilities to the server.
func ownKey(c config.Config) bool { return c.Access.Key == "" && c.Access.KeyFile == "" }

// newAccess returns the rules by which requests are let in.
func newAccess(c config.Config, key access.Key, a *auth.Auth, log *slog.Logger) *signaling.Access {
	hosts := c.Serve.Hosts
	if c.Serve.PublicIP != "" {
		hosts = append(hosts, c.Serve.PublicIP)
	}
	for _, listen := range []string{c.Serve.Listen, c.Admin.Listen} {
		// An address is known by the connections that come in at it.
		if host, _, err := net.SplitHostPort(listen); err == nil && host != "" && net.ParseIP(host) == nil {
			hosts = append(hosts, host)
		}
	}
	return signaling.NewAccess(signaling.AccessConfig{
		Key: key, Lifetime: c.Access.Lifetime, OperatorToken: c.Admin.Token, Open: c.Access.Open, Hosts: hosts, Tokens: a.Tokens, Revoked: a.Revoked, Log: log,
	})
}

// serverKey returns the key of the settings, of the file that they name, or of
// the file that is kept from one start to the next. Where that cannot be kept
// there is one for this start alone: sessions do not outlive it either.
func serverKey(c config.Access, log *slog.Logger) (access.Key, error) {
	switch {
	case c.Key != "" && c.KeyFile != "":
		return access.Key{}, fmt.Errorf("access.key and access.key_file are both set: keep one")
	case c.Key != "":
		return access.NewKey(c.Key)
	case c.KeyFile != "":
		return keptKey(c.KeyFile, log)
	}
	path, err := access.StateFile()
	if err == nil {
		var key access.Key
		if key, err = keptKey(path, log); err == nil {
			return key, nil
		}
	}
	log.Warn("this server's key is for this start alone, and for this server alone: set access.key or access.key_file to have one that is kept", "err", err)
	return access.RandomKey(), nil
}

func keptKey(path string, log *slog.Logger) (access.Key, error) {
	key, exposed, err := access.LoadOrMake(path)
	if exposed {
		log.Warn("others on this machine may read the server's key: chmod 600 the file", "file", path)
	}
	return key, err
}
