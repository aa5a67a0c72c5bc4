package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrRevoked is returned for a token that was revoked before its time was over.
var ErrRevoked = errors.New("access: revoked")

// Claims are what a signed token (JWT) gives: rights in the session of a name,
// whenever that is. The zero Claims give nothing.
type Claims struct {
	Session string       // its name; AnySession for all
	Rights  []Capability // in the session
	Create  bool         // the session may be created
	Expires time.Time
	ID      string // by which it is revoked: see ID
	Text    string // another ID, of a token that is revoked as a whole
}

// Signed tells whether a token is a signed one, by its form: no capability begins as
// the JSON of a header in base64 does.
func Signed(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// AnySession stands for the name of every session.
const AnySession = "*"

// In tells whether the claims are about the session of that name.
func (c Claims) In(session string) bool {
	return session != "" && (c.Session == session || c.Session == AnySession)
}

// idSize is how many bytes of a SHA-256 name a token among those that are revoked.
const idSize = 12

// ID returns the name of a token among those that are revoked: of a signed one by its
// "jti", of a capability by its text. From it nobody can tell the token.
func ID(of string) string {
	sum := sha256.Sum256([]byte("livedub token\x00" + of))
	return text.EncodeToString(sum[:idSize])
}

func isID(s string) bool {
	b, err := text.DecodeString(s)
	return err == nil && len(b) == idSize && len(s) == text.EncodedLen(idSize)
}

// CreateGrant is the grant of who may create the session.
const CreateGrant = "create"

var sessionForm = regexp.MustCompile(`^([A-Za-z0-9_-]{1,64}|\*)$`)

// maxGrants bounds the grants of one token.
const maxGrants = 32

// Claim returns the claims of a token for the session of that name: grants are
// "watch" or "watch:es", "publish", "control" and "create". It fails for what is none
// of them, since a right that nobody understands is no right.
func Claim(session string, grants []string, expires time.Time) (Claims, error) {
	c := Claims{Session: session, Expires: expires}
	switch {
	case !sessionForm.MatchString(session):
		return Claims{}, fmt.Errorf("access: session %.80q: letters, digits, '-' and '_', 64 at most, or * for all sessions", session)
	case len(grants) == 0 || len(grants) > maxGrants:
		return Claims{}, fmt.Errorf("access: %d grants: 1 to %d", len(grants), maxGrants)
	}
	for _, g := range grants {
		role, lang, named := strings.Cut(g, ":")
		switch {
		case g == CreateGrant:
			c.Create = true
		case letters[Role(role)] == "" || named && (Role(role) != Watch || !isLang(lang)):
			return Claims{}, fmt.Errorf("access: grant %.40q: there are watch, watch:LANGUAGE, publish, control and create", g)
		default:
			c.Rights = append(c.Rights, Capability{Role: Role(role), Lang: lang, Expires: expires})
		}
	}
	return c, nil
}

// Grants returns the grants as Claim reads them.
func (c Claims) Grants() []string {
	var out []string
	for _, r := range c.Rights {
		g := string(r.Role)
		if r.Lang != "" {
			g += ":" + r.Lang
		}
		out = append(out, g)
	}
	if c.Create {
		out = append(out, CreateGrant)
	}
	slices.Sort(out)
	return out
}
