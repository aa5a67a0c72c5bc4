package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
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
