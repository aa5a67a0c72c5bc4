package main

import (
	"fmt"
	"log/slog"
	"net"

	"livedub/internal/config"
	"livedub/signaling"
	"livedub/signaling/access"
)

// newAccess returns the rules by which requests are let in.
func newAccess(c config.Config, node *membership, log *slog.Logger) (*signaling.Access, error) {
	var key access.Key
	if node != nil && c.Access.Key == "" && c.Access.KeyFile == "" {
		key = node.key.For("capabilities") // the same at all nodes, whatever is set elsewhere
	} else {
		var err error
		if key, err = serverKey(c.Access, log); err != nil {
			return nil, err
		}
	}
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
		Key: key, Lifetime: c.Access.Lifetime, OperatorToken: c.Admin.Token, Open: c.Access.Open, Hosts: hosts, Log: log,
	}), nil
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
