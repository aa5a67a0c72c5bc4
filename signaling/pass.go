package signaling

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"livedub/signaling/access"
)

// Headers between gateways and nodes.
const (
	PassHeader  = "Livedub-Pass"  // of a request: a Pass
	NodeHeader  = "Livedub-Node"  // of an answer: which run of which node gave it, see Pass.Answerer
	FenceHeader = "Livedub-Fence" // of an answer: of the session's claim; clients get it too

	RefusedHeader = "Livedub-Refused" // of an answer: the node does not take the session; another may
)

// Pass is what a gateway vouches for when it forwards a request to a node: who
// asks, and which claim the gateway takes the node to hold.
type Pass struct {
	Node    string     `json:"node"`              // whom it is for, by its name in the cluster
	Boot    string     `json:"boot"`              // and which run of its process
	Session string     `json:"session,omitempty"` // that the request is about; "" for none
	Fence   int64      `json:"fence,omitempty"`   // of the session's claim
	Cost    float64    `json:"cost,omitempty"`    // of the session, in places
	Create  bool       `json:"create,omitempty"`  // the claim is for a session that the request may create
	Over    bool       `json:"over,omitempty"`    // the claim is another node's: whoever has a lower fence lets go
	Client  netip.Addr `json:"client"`
	// Operator and Open are what the gateway knows of the caller's rights: see Caller.
	Operator bool  `json:"operator,omitempty"`
	Open     bool  `json:"open,omitempty"`
	At       int64 `json:"at"` // ms since 1970
}

// Answerer is what NodeHeader has to say in the answer.
func (p Pass) Answerer() string { return p.Node + "/" + p.Boot }

const (
	passAge = time.Minute // clocks and slow requests included; what a pass lets in again after that is nothing new
	maxPass = 2048        // bytes
)

var (
	errNoPass  = errors.New("no pass that this cluster's gateways make: have all nodes and gateways use the same cluster.secret")
	errOldPass = fmt.Errorf("the gateway's pass was not made within %s: set the clocks of nodes and gateways", passAge)
)

// PassKey makes and checks passes. The zero PassKey checks none.
type PassKey struct{ secret []byte }

// NewPassKey returns the key for passes of a cluster with this secret.
func NewPassKey(cluster access.Key) PassKey { return PassKey{cluster.Derive("gateway pass")} }

// Seal writes a pass for one request. It is bound to the request's method and URI.
func (k PassKey) Seal(p Pass, method, uri string, now time.Time) string {
	p.At = now.UnixMilli()
	says, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and numbers
	}
	text := base64.RawURLEncoding.EncodeToString(says)
	return text + "." + base64.RawURLEncoding.EncodeToString(k.mac(text, method, uri))
}

// Open reads a pass. It fails for one of another cluster or request, and for an old one.
func (k PassKey) Open(sealed, method, uri string, now time.Time) (Pass, error) {
	text, sum, _ := strings.Cut(sealed, ".")
	mac, err := base64.RawURLEncoding.Strict().DecodeString(sum)
	if len(sealed) > maxPass || err != nil || len(k.secret) == 0 || !hmac.Equal(mac, k.mac(text, method, uri)) {
		return Pass{}, errNoPass
	}
	says, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Pass{}, errNoPass
	}
	var p Pass
	if err := json.Unmarshal(says, &p); err != nil {
		return Pass{}, errNoPass
	}
	if now.Sub(time.UnixMilli(p.At)).Abs() > passAge {
		return Pass{}, errOldPass
	}
	return p, nil
}

func (k PassKey) mac(text, method, uri string) []byte {
	h := hmac.New(sha256.New, k.secret)
	fmt.Fprintf(h, "%s\n%s\n%s", method, uri, text)
	return h.Sum(nil)
}

type passContext struct{}

// WithPass returns a context of a request that a gateway vouches for. The Front and
// the Access behind it take its word for who asks.
func WithPass(ctx context.Context, p Pass) context.Context {
	return context.WithValue(ctx, passContext{}, p)
}

// PassOf returns the pass of a request's context, false where it came by no gateway.
func PassOf(ctx context.Context) (Pass, bool) {
	p, ok := ctx.Value(passContext{}).(Pass)
	return p, ok
}

// Assigned returns the name that a gateway has found a place for, "" for a name of the node's choosing.
func Assigned(r *http.Request) string {
	if p, ok := PassOf(r.Context()); ok && p.Create {
		return p.Session
	}
	return ""
}

// Answered returns those headers of an answer by which a gateway knows the node, for
// a websocket's handshake, which leaves out what was set before.
func Answered(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range []string{NodeHeader, FenceHeader} {
		if v := h.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	return out
}
