package netem

import (
	"net/netip"
	"strconv"
	"strings"
)

// Rewrite points a server's SDP, or a single trickled candidate ("candidate:..."
// with or without "a="), at the relay: of the candidates of each media section
// the first UDP one with the target's port gets the relay's address, all others
// are removed, so that no path leads around it. A candidate that would be
// removed comes back as "".
//
// The server must not learn the client's own addresses either, else it sends to
// them directly: take them out of the offer with Strip.
func (r *Relay) Rewrite(sdp string) string {
	done := false
	return candidates(sdp, func(fields []string) bool {
		if done || !strings.EqualFold(fields[2], "udp") || fields[5] != strconv.Itoa(int(r.target.Port())) {
			return false
		}
		done = true
		relay := r.Addr()
		fields[4], fields[5] = relay.Addr().String(), strconv.Itoa(int(relay.Port()))
		return true
	}, func() { done = false })
}

// Strip removes all candidates from an SDP, so that its reader has to learn
// where the writer is from what arrives. A single candidate comes back as "".
func Strip(sdp string) string {
	return candidates(sdp, func([]string) bool { return false }, func() {})
}

// candidates calls keep with the fields of each candidate, which it may change,
// and drops those it does not want and those that are malformed. section is
// called where a media section begins.
func candidates(sdp string, keep func(fields []string) bool, section func()) string {
	var out strings.Builder
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "m=") {
			section()
		}
		text := strings.TrimRight(line, "\r\n")
		body := strings.TrimPrefix(text, "a=")
		if !strings.HasPrefix(body, "candidate:") {
			out.WriteString(line)
			continue
		}
		fields := strings.Fields(body)
		if len(fields) < 8 || !keep(fields) {
			continue
		}
		out.WriteString(text[:len(text)-len(body)])
		out.WriteString(strings.Join(direct(fields), " "))
		out.WriteString(line[len(text):])
	}
	return out.String()
}

// direct makes a host candidate of fields: what stands for another address would give it away.
func direct(fields []string) []string {
	var out []string
	for i := 0; i < len(fields); i++ {
		switch {
		case i == 7:
			out = append(out, "host")
		case i > 7 && (fields[i] == "raddr" || fields[i] == "rport"):
			i++
		default:
			out = append(out, fields[i])
		}
	}
	return out
}

// Target returns the server's address.
func (r *Relay) Target() netip.AddrPort { return r.target }
