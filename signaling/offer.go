package signaling

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of an offer. What browsers, OBS, GStreamer and mediamtx send is below a
// third of each. Some steps behind the endpoints take time by the square of these.
const (
	maxOfferLines = 1000
	maxOfferLine  = 2048 // bytes
	maxMedia      = 16   // m= lines
	maxAttributes = 400  // a= lines of a section, or of the session
	maxCandidates = 64   // a=candidate lines of a section
	maxSSRCs      = 64   // a=ssrc lines of a section
)

// hashes are those that a fingerprint may be made with (RFC 8122 has md5 and sha-1 too, which can be forged).
var hashes = []string{"sha-256", "sha-384", "sha-512"}

// CheckOffer refuses what cannot be an offer, what is too large to be one, and
// what is no longer safe, before anything is made for its sake: one pass over the
// text. Its errors are ErrTooLarge and ErrBadOffer.
func CheckOffer(sdp string) error {
	switch {
	case len(sdp) > MaxOffer:
		return ErrTooLarge.Errorf("the offer is larger than %d bytes", MaxOffer)
	case strings.TrimSpace(sdp) == "":
		return ErrBadOffer.Errorf("the offer is empty")
	case !utf8.ValidString(sdp) || control(sdp):
		return ErrBadOffer.Errorf("the offer is binary, not SDP")
	case !strings.HasPrefix(sdp, "v=0"):
		return ErrBadOffer.Errorf("the offer is no SDP: it does not begin with v=0")
	case !strings.Contains(sdp, "\nm=audio ") && !strings.Contains(sdp, "\nm=video "):
		return ErrBadOffer.Errorf("the offer has neither audio nor video")
	}
	var c offerCount
	for part := range strings.SplitSeq(sdp, "\n") {
		for line := range strings.SplitSeq(part, "\r") {
			if line == "" {
				continue
			}
			if err := c.add(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// control tells whether s has control characters that no SDP has. They are single
// bytes: to look at runes would be a good part of what a large offer costs.
func control(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\r' && c != '\n' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// offerCount is what has been seen of an offer.
type offerCount struct {
	lines, media                  int
	attributes, candidates, ssrcs int // of this section
	mids                          []string
}

// add counts one line.
func (c *offerCount) add(line string) error {
	c.lines++
	switch {
	case c.lines > maxOfferLines:
		return many("lines", maxOfferLines)
	case len(line) > maxOfferLine:
		return ErrTooLarge.Errorf("the offer has a line of %d bytes: %d at most", len(line), maxOfferLine)
	case strings.HasPrefix(line, "m="):
		c.media++
		c.attributes, c.candidates, c.ssrcs = 0, 0, 0
		if c.media > maxMedia {
			return many("media sections", maxMedia)
		}
	case strings.HasPrefix(line, "a="):
		if c.attributes++; c.attributes > maxAttributes {
			return many("attributes in a section", maxAttributes)
		}
		name, value, _ := strings.Cut(line[len("a="):], ":")
		return c.attribute(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value))
	}
	return nil
}

// attribute looks at one attribute's value.
func (c *offerCount) attribute(name, value string) error {
	switch name {
	case "candidate":
		if c.candidates++; c.candidates > maxCandidates {
			return many("candidates in a section", maxCandidates)
		}
	case "ssrc":
		if c.ssrcs++; c.ssrcs > maxSSRCs {
			return many("a=ssrc lines in a section", maxSSRCs)
		}
	case "mid":
		if slices.Contains(c.mids, value) {
			return ErrBadOffer.Errorf("the offer has a=mid:%s twice: give each media section its own", clip(value))
		}
		if c.mids = append(c.mids, value); len(c.mids) > maxMedia {
			return many("a=mid lines", maxMedia)
		}
	case "fingerprint":
		hash, _, _ := strings.Cut(value, " ")
		if !slices.Contains(hashes, strings.ToLower(hash)) {
			return ErrBadOffer.Errorf("the offer's fingerprint is made with %q: use %s", clip(hash), strings.Join(hashes, ", "))
		}
	case "setup":
		if strings.EqualFold(value, "holdconn") {
			return ErrBadOffer.Errorf("the offer says a=setup:holdconn, by which no connection comes about: say actpass")
		}
	}
	return nil
}

func many(what string, most int) error {
	return ErrTooLarge.Errorf("the offer has more than %d %s", most, what)
}
