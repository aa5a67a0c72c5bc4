package whip

import (
	"strings"
	"unicode/utf8"

	"livedub/signaling"
)

const fragmentType = "application/trickle-ice-sdpfrag"

// fragment is what an SDP fragment (RFC 8840, 9) says about ICE. All media
// share one transport (BUNDLE), so that the m-line a candidate stands under does not matter.
type fragment struct {
	ufrags     []string
	candidates []string // as "candidate:...", in order, each once
	end        bool     // there will be no more
}

// parseFragment reads a fragment. Unknown lines are skipped, as SDP wants it;
// text in which nothing is known is refused.
func parseFragment(text string) (fragment, error) {
	var f fragment
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return f, signaling.ErrBadRequest.Errorf("the fragment is binary, not SDP")
	}
	known := false
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "a=ice-ufrag":
			f.ufrags = append(f.ufrags, value)
		case "a=candidate":
			if c := candidate(value); !seen[c] {
				seen[c] = true
				f.candidates = append(f.candidates, c)
			}
		case "a=end-of-candidates":
			f.end = true
		case "a=ice-pwd", "a=mid", "a=group", "a=ice-options":
		default:
			if !strings.HasPrefix(line, "m=") {
				continue
			}
		}
		known = true
	}
	if !known {
		return f, signaling.ErrBadRequest.Errorf("the fragment has no candidates: send lines as a=candidate:...")
	}
	return f, nil
}

// candidate returns a candidate in the form of RTCIceCandidate. Some clients
// (mediamtx) write the name twice.
func candidate(value string) string {
	value = strings.TrimSpace(value)
	for {
		rest, ok := strings.CutPrefix(value, "candidate:")
		if !ok {
			return "candidate:" + value
		}
		value = strings.TrimSpace(rest)
	}
}
