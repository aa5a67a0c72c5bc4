package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ICEServer is a STUN or TURN server that clients are told of, for those whose
// network lets them reach the media port in no other way.
type ICEServer struct {
	URL                  string // RFC 7064, 7065: "stun:host:port", "turn:host:port?transport=udp"
	Username, Credential string // of a TURN server
}

// Forms of an ICE server: user and secret of a TURN server stand before its
// host, which the URL has no place for.
const iceForms = "stun:HOST[:PORT] or turn:USER:SECRET@HOST[:PORT][?transport=tcp]"

var iceForm = regexp.MustCompile(`^(stun|turn)(s?):(?:([^:@\s]+):([^:@\s]+)@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(\?transport=(?:udp|tcp))?$`)

var errICE = errors.New("write " + iceForms + ", stuns and turns likewise; in USER and SECRET as %3A, %40 and %20 what else is a :, an @ or a space")

// readICEServer reads one; the error does not repeat the secret.
func readICEServer(s string) (ICEServer, error) {
	m := iceForm.FindStringSubmatch(s)
	named := s[strings.LastIndexByte(s, '@')+1:]
	if m == nil {
		return ICEServer{}, fmt.Errorf("%s is no ICE server: %w", show(named), errICE)
	}
	kind, secure, user, secret, host, port, transport := m[1], m[2], m[3], m[4], m[5], m[6], m[7]
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return ICEServer{}, fmt.Errorf("%s: port is outside 1..65535", show(named))
	}
	if turn := kind == "turn"; turn != (user != "") || !turn && transport != "" {
		return ICEServer{}, fmt.Errorf("%s: a TURN server needs a user and a secret, a STUN server has neither, nor a transport: %w", show(named), errICE)
	}
	out := ICEServer{URL: kind + secure + ":" + host}
	if port != "" {
		out.URL += ":" + port
	}
	out.URL += transport
	for to, from := range map[*string]string{&out.Username: user, &out.Credential: secret} {
		v, err := url.PathUnescape(from)
		if err != nil || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
			return ICEServer{}, fmt.Errorf("%s: user or secret is no text: %w", show(named), errICE)
		}
		*to = v
	}
	return out, nil
}

// String writes s as readICEServer reads it.
func (s ICEServer) String() string {
	kind, rest, _ := strings.Cut(s.URL, ":")
	if s.Username == "" {
		return s.URL
	}
	plain := func(v string) string { return strings.ReplaceAll(url.QueryEscape(v), "+", "%20") }
	return kind + ":" + plain(s.Username) + ":" + plain(s.Credential) + "@" + rest
}

// iceServers is a list of ICE servers, in one text separated by spaces.
func iceServers(p *[]ICEServer, key, help string) option {
	return option{key: key, help: help, limit: iceForms, kind: kindList, noun: "URL",
		get: func() string {
			var all []string
			for _, s := range *p {
				all = append(all, s.String())
			}
			return strings.Join(all, " ")
		},
		set: func(s string) error {
			var all []ICEServer
			for _, one := range strings.Fields(s) {
				server, err := readICEServer(one)
				if err != nil {
					return err
				}
				all = append(all, server)
			}
			*p = all
			return nil
		}}
}
