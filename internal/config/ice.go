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
	URL    string // RFC 7064, 7065: "stun:host:port", "turn:host:port?transport=udp"
	Secret string // of a TURN server, shared with it (coturn's static-auth-secret); no client is told
}

// Forms of an ICE server: the secret of a TURN server stands before its host,
// which the URL has no place for.
const iceForms = "stun:HOST[:PORT] or turn:SECRET@HOST[:PORT][?transport=tcp]"

var iceForm = regexp.MustCompile(`^(stun|turn)(s?):(?:([^@\s]+)@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(\?transport=(?:udp|tcp))?$`)

var (
	errICE  = errors.New("write " + iceForms + ", stuns and turns likewise; in SECRET as %3A, %40 and %20 what else is a :, an @ or a space")
	errUser = errors.New("a TURN server's fixed user and password would be told to every client: set use-auth-secret in coturn and write turn:SECRET@HOST")
)

// readICEServer reads one; the error does not repeat the secret.
func readICEServer(s string) (ICEServer, error) {
	m := iceForm.FindStringSubmatch(s)
	named := s[strings.LastIndexByte(s, '@')+1:]
	if m == nil {
		return ICEServer{}, fmt.Errorf("%s is no ICE server: %w", show(named), errICE)
	}
	kind, secure, secret, host, port, transport := m[1], m[2], m[3], m[4], m[5], m[6]
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return ICEServer{}, fmt.Errorf("%s: port is outside 1..65535", show(named))
	}
	if turn := kind == "turn"; turn != (secret != "") || !turn && transport != "" {
		return ICEServer{}, fmt.Errorf("%s: a TURN server needs a secret, a STUN server has none, nor a transport: %w", show(named), errICE)
	}
	if strings.Contains(secret, ":") {
		return ICEServer{}, fmt.Errorf("%s: %w", show(named), errUser)
	}
	out := ICEServer{URL: kind + secure + ":" + host}
	if port != "" {
		out.URL += ":" + port
	}
	out.URL += transport
	var err error
	if out.Secret, err = url.PathUnescape(secret); err != nil || !utf8.ValidString(out.Secret) || strings.ContainsFunc(out.Secret, unicode.IsControl) {
		return ICEServer{}, fmt.Errorf("%s: the secret is no text: %w", show(named), errICE)
	}
	return out, nil
}

// String writes s as readICEServer reads it.
func (s ICEServer) String() string {
	s.Secret = strings.ReplaceAll(url.QueryEscape(s.Secret), "+", "%20")
	return s.shown()
}

// shown writes the secret as it is.
func (s ICEServer) shown() string {
	kind, rest, _ := strings.Cut(s.URL, ":")
	if s.Secret == "" {
		return s.URL
	}
	return kind + ":" + s.Secret + "@" + rest
}

// iceServers is a list of ICE servers, in one text separated by spaces.
func iceServers(p *[]ICEServer, key, help string) option {
	return option{key: key, help: help, limit: iceForms, kind: kindList, noun: "URL",
		mask: func() string {
			var all []string
			for _, s := range *p {
				if s.Secret != "" {
					s.Secret = isSet
				}
				all = append(all, s.shown())
			}
			return strings.Join(all, " ")
		},
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
