package signaling

import (
	"net/http"
	"strings"
)

// ICEServer is told to clients whose network lets them reach the media port in
// no other way; in JSON it is what RTCPeerConnection takes.
type ICEServer struct {
	URL        string `json:"urls"` // "stun:..." or "turn:..."
	Username   string `json:"username,omitempty"`
	Credential string `json:"credential,omitempty"`
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
