package signaling

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ICEServer is told to clients whose network lets them reach the media port in
// no other way; in JSON it is what RTCPeerConnection takes.
type ICEServer struct {
	URL        string `json:"urls"` // "stun:..." or "turn:..."
	Username   string `json:"username,omitempty"`
	Credential string `json:"credential,omitempty"`
}

// ICEServers are the operator's STUN and TURN servers.
type ICEServers struct {
	Servers  []ICESecret
	Lifetime time.Duration // of credentials
}

// ICESecret is a STUN or TURN server with the secret that a TURN server shares
// with us, "" for none. It never goes to a client.
type ICESecret struct{ URL, Secret string }

// For returns the servers as the clients of a session are told of them: with
// credentials of its own, which end. It is the scheme of coturn's use-auth-secret
// (draft-uberti-behave-turn-rest): the name is when it ends and for whom it is, the
// password the name's HMAC-SHA1 under the shared secret.
func (s ICEServers) For(session string) []ICEServer {
	var out []ICEServer
	until := time.Now().Add(s.Lifetime).Unix()
	for _, i := range s.Servers {
		server := ICEServer{URL: i.URL}
		if i.Secret != "" {
			server.Username = fmt.Sprintf("%d:%s", until, session)
			m := hmac.New(sha1.New, []byte(i.Secret))
			m.Write([]byte(server.Username))
			server.Credential = base64.StdEncoding.EncodeToString(m.Sum(nil))
		}
		out = append(out, server)
	}
	return out
}

// Link tells ICE servers by header (RFC 9725, 4.6).
func Link(h http.Header, servers []ICEServer) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, i := range servers {
		l := "<" + i.URL + `>; rel="ice-server"`
		if i.Username != "" {
			l += `; username="` + quote.Replace(i.Username) + `"; credential="` + quote.Replace(i.Credential) + `"; credential-type="password"`
		}
		h.Add("Link", l)
	}
}
