// Package access holds capabilities: short texts that give whoever bears one a
// right in one session. A process that has the server's key makes and checks
// them without asking anybody else.
package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Role is what a capability lets its bearer do in its session.
type Role string

// The roles. Control includes the other two.
const (
	Publish Role = "publish" // be the speaker
	Watch   Role = "watch"   // see, hear and read one language, or all
	Control Role = "control" // look, change, end, and hand out capabilities
)

// Capability is a right in one session.
type Capability struct {
	Role    Role
	Lang    string    // of Watch: an ISO 639-1 code; "" for all
	Expires time.Time // in whole seconds
	// Parent is the ID of the signed token whose bearer handed this out, "" for none: it
	// counts no longer than that token, nor once that is revoked.
	Parent string
}

var (
	// ErrMalformed is returned for a text that is no capability.
	ErrMalformed = errors.New("access: no capability")
	// ErrInvalid is returned for a capability of another session or key, or one that was altered.
	ErrInvalid = errors.New("access: not valid here")
	// ErrExpired is returned for one whose time is over.
	ErrExpired = errors.New("access: expired")
)

const (
	// domain keeps what this key signs here apart from anything else that it may sign.
	domain = "livedub capability 1\x00"
	// macSize is how many bytes of the HMAC a capability carries (RFC 2104, 5: half of them suffice).
	macSize = 16

	maxToken = 64 // bytes; the longest that Mint writes is 60
	base     = 36 // of the expiry, in seconds since 1970
)

// letters stand for the roles in a token.
var letters = map[Role]string{Publish: "p", Watch: "w", Control: "c"}

var text = base64.RawURLEncoding.Strict()

// Mint writes a capability for the session with that epoch, as
// "w-es.tft6o0.qYbWjcUOcpcQyPp1dq2SyA": role, expiry, HMAC-SHA256. It is made of
// letters, digits, '-', '_' and '.', so it may stand in a URL as it is. One with a
// parent has that before the HMAC.
// A key that was never set mints nothing: "".
func (k Key) Mint(epoch string, c Capability) string {
	if len(k.secret) == 0 {
		return ""
	}
	role := letters[c.Role]
	if c.Role == Watch && c.Lang != "" {
		role += "-" + c.Lang
	}
	says := role + "." + strconv.FormatInt(c.Expires.Unix(), base)
	if c.Parent != "" {
		says += "." + c.Parent
	}
	return says + "." + text.EncodeToString(k.mac(epoch, says))
}

// Check reads a token and returns what it gives in the session with that epoch
// at that time. It fails with ErrMalformed, ErrInvalid or ErrExpired; no error
// repeats the token. How long it takes does not depend on how much of the HMAC is right.
func (k Key) Check(epoch, token string, now time.Time) (Capability, error) {
	c, says, mac, err := parse(token)
	switch {
	case err != nil:
		return Capability{}, err
	case len(k.secret) == 0 || epoch == "" || !hmac.Equal(mac, k.mac(epoch, says)):
		return Capability{}, ErrInvalid
	case !now.Before(c.Expires):
		return Capability{}, ErrExpired
	}
	return c, nil
}

func (k Key) mac(epoch, says string) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte(domain + epoch + "\x00" + says))
	return h.Sum(nil)[:macSize]
}

// parse splits a token into what it says, as it says it, and its HMAC.
func parse(token string) (c Capability, says string, mac []byte, err error) {
	no := func() (Capability, string, []byte, error) { return Capability{}, "", nil, ErrMalformed }
	if len(token) > maxToken {
		return no()
	}
	end := strings.LastIndexByte(token, '.')
	if end < 0 {
		return no()
	}
	says = token[:end]
	role, rest, ok := strings.Cut(says, ".")
	expiry, parent, derived := strings.Cut(rest, ".")
	if derived && !isID(parent) {
		return no()
	}
	seconds, nerr := strconv.ParseUint(expiry, base, 40) // until the year 36812
	if len(token)-end-1 != text.EncodedLen(macSize) {    // the decoder skips line breaks: a token has one form
		return no()
	}
	if mac, err = text.DecodeString(token[end+1:]); !ok || nerr != nil || err != nil || len(mac) != macSize {
		return no()
	}
	letter, lang, named := strings.Cut(role, "-")
	for r, l := range letters {
		if l == letter {
			c.Role = r
		}
	}
	if c.Role == "" || named && (c.Role != Watch || !isLang(lang)) {
		return no()
	}
	c.Lang, c.Expires, c.Parent = lang, time.Unix(int64(seconds), 0), parent
	return c, says, mac, nil
}

func isLang(s string) bool {
	return len(s) >= 2 && len(s) <= 8 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
}

// A capability stands in an address behind the session's name: "talk~w-es.tft6o0.qYbW...".
// No session's name has a '~', and no URL needs it escaped.
const mark = "~"

// Join writes a session's name with a capability behind it; "" leaves the name as it is.
func Join(name, token string) string {
	if token == "" {
		return name
	}
	return name + mark + token
}

// Cut is the reverse of Join.
func Cut(segment string) (name, token string) {
	name, token, _ = strings.Cut(segment, mark)
	return name, token
}
