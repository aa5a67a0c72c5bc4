package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"livedub/internal/outbound"
)

// hostForm is a DNS name; an IP address is told apart by net.ParseIP.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// hosts is a list of names and addresses without ports.
func hosts(p *[]string, key, help string) option {
	return option{key: key, help: help, limit: "names or IP addresses without port; * for any", kind: kindList, noun: "HOST",
		get: func() string { return strings.Join(*p, " ") },
		set: func(s string) error {
			all := strings.Fields(s)
			for _, h := range all {
				if h != "*" && net.ParseIP(h) == nil && (len(h) > 253 || !hostForm.MatchString(h)) {
					return fmt.Errorf("%s is no host: write a name or an IP address without port, as live.example.net", show(h))
				}
			}
			*p = all
			return nil
		}}
}

// outboundHosts is a list of whom the server may ask because somebody names them.
func outboundHosts(p *[]string, key, help string) option {
	return option{key: key, help: help, limit: "names as cdn.example.com or *.example.com, which resolve to public addresses; addresses and networks as 10.0.0.0/24, whatever they are", kind: kindList, noun: "HOST",
		get: func() string { return strings.Join(*p, " ") },
		set: func(s string) error {
			all := strings.Fields(s)
			if _, err := outbound.New(all); err != nil {
				return err
			}
			*p = all
			return nil
		}}
}

// defaulted is an option with a default.
func defaulted(o option, def string) option {
	o.def = def
	return o
}

// languages is a list of ISO 639-1 codes.
func languages(p *[]string, key, def, help string) option {
	return option{key: key, def: def, help: help, limit: "two letters each, as es", kind: kindList, noun: "LANGUAGE",
		get: func() string { return strings.Join(*p, " ") },
		set: func(s string) error {
			all := strings.Fields(s)
			for _, l := range all {
				if len(l) != 2 || strings.ToLower(l) != l {
					return fmt.Errorf("%s is no language: write two small letters, as es", show(l))
				}
			}
			*p = all
			return nil
		}}
}

// prefixes is a list of networks; a bare address is a network of its own.
func prefixes(p *[]netip.Prefix, key, def, help string) option {
	return option{key: key, def: def, help: help, limit: "addresses or networks, as 10.0.0.0/8", kind: kindList, noun: "NETWORK",
		get: func() string {
			var all []string
			for _, n := range *p {
				all = append(all, n.String())
			}
			return strings.Join(all, " ")
		},
		set: func(s string) error {
			all := []netip.Prefix{}
			for _, one := range strings.Fields(s) {
				n, err := netip.ParsePrefix(one)
				if a, aerr := netip.ParseAddr(one); aerr == nil && a.Zone() == "" {
					n, err = netip.PrefixFrom(a, a.BitLen()), nil
				}
				if err != nil {
					return fmt.Errorf("%s is no network: write it as 10.0.0.0/8 or 192.0.2.7", show(one))
				}
				all = append(all, n.Masked())
			}
			*p = all
			return nil
		}}
}

// atLeast wants a secret of so many characters, or none; its error does not repeat it.
func atLeast(n int) func(string) error {
	return func(s string) error {
		switch {
		case s != "" && len(s) < n:
			return fmt.Errorf("has %d characters, at least %d are needed: make one with openssl rand -hex 32", len(s), n)
		case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
			return errors.New("holds a space or what is not ASCII: make one with openssl rand -hex 32")
		}
		return nil
	}
}

// optional lets a text be empty.
func optional(check func(string) error) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		return check(s)
	}
}
