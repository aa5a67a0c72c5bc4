package rtc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"

	"livedub/media"
)

// Limits of what an offer may hold.
const (
	maxSections   = 64
	maxCandidates = 32 // that come later: each is a destination that we probe
	maxOffered    = 6  // candidates of an offer; a browser's has one for each of its addresses
	maxNotes      = 4  // a=ssrc lines of a stream: cname, msid, mslabel, label
)

// ErrNoCodec is wrapped where an offer holds audio or video only in codecs we lack.
var ErrNoCodec = errors.New("no common codec")

// transport are the attributes, of the session and of sections, that the engine
// is told as they are. All others are read here or told to nobody.
var transport = []string{
	"ice-ufrag", "ice-pwd", "ice-lite", "ice-options", "end-of-candidates", "fingerprint", "setup", "cryptex",
	"mid", "msid", "msid-semantic", "bundle-only", "rtcp", "rtcp-mux", "rtcp-rsize", "extmap-allow-mixed",
}

// offer is a session description reduced to what we take: at most one section
// of sound and one of frames, with codecs that we know. Everything else is
// kept from the engine, and rejected in the answer.
type offer struct {
	desc         *sdp.SessionDescription // reduced
	audio, video *section                // nil where not taken
	rejected     []rejection
	made         bool // by us, who call
}

type section struct {
	kind   media.Kind
	mid    string
	codecs []offeredCodec // at least one, in order of the peer's preference
}

// rejection is a section that the answer refuses.
type rejection struct {
	index int // among all sections
	media *sdp.MediaDescription
}

// parseOffer reads an offer, whose size its endpoint has bounded. publish tells that media comes to us.
func parseOffer(text string, publish bool) (*offer, error) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("offer is no SDP: %w", err)
	}
	if len(desc.MediaDescriptions) > maxSections {
		return nil, fmt.Errorf("offer of %d media sections: at most %d are read", len(desc.MediaDescriptions), maxSections)
	}
	o := &offer{desc: desc}
	var kept []*sdp.MediaDescription
	lacking := ""
	for i, m := range desc.MediaDescriptions {
		s := o.consider(m, publish)
		if s != nil && len(s.codecs) == 0 {
			lacking, s = s.kind.String(), nil
		}
		if s == nil {
			o.rejected = append(o.rejected, rejection{i, m})
			continue
		}
		s.reduce(m, publish)
		kept = append(kept, m)
		if s.kind == media.Audio {
			o.audio = s
		} else {
			o.video = s
		}
	}
	if lacking != "" {
		return nil, fmt.Errorf("%w for %s: offer H264 (packetization-mode 1) or VP8, and Opus", ErrNoCodec, lacking)
	}
	if len(kept) == 0 {
		return nil, errors.New("offer has neither audio nor video for us: add an audio or video section in the right direction")
	}
	desc.MediaDescriptions = kept
	return o, o.bundle()
}

// consider returns the section m makes, without codecs where we know none of
// it, or nil if it is not for us.
func (o *offer) consider(m *sdp.MediaDescription, publish bool) *section {
	s := &section{}
	switch m.MediaName.Media {
	case "audio":
		s.kind = media.Audio
	case "video":
		s.kind = media.Video
	default:
		return nil
	}
	if s.kind == media.Audio && o.audio != nil || s.kind == media.Video && o.video != nil {
		return nil
	}
	if _, bundleOnly := m.Attribute("bundle-only"); m.MediaName.Port.Value == 0 && !bundleOnly {
		return nil
	}
	direction := "sendrecv"
	for _, a := range slices.Concat(o.desc.Attributes, m.Attributes) {
		switch a.Key {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			direction = a.Key
		}
	}
	if direction == "inactive" || publish && direction == "recvonly" || !publish && direction == "sendonly" {
		return nil
	}
	s.mid, _ = m.Attribute("mid")
	s.codecs = readCodecs(m, s.kind)
	if !publish {
		s.codecs = choose(s.codecs)
	}
	return s
}

// reduce rewrites m to the section's codecs, one stream and one direction.
func (s *section) reduce(m *sdp.MediaDescription, publish bool) {
	var formats []string
	var attrs []sdp.Attribute
	stream, candidates, extended := streamOf(m), 0, false
	for _, a := range m.Attributes {
		switch a.Key {
		case "extmap":
			if !publish || !strings.HasSuffix(a.Value, " "+sdp.TransportCCURI) || extended {
				continue
			}
			extended = true
		case "candidate":
			if candidates == maxOffered || !reachable(a.Value) {
				continue // some peers send what is none: the others may do
			}
			candidates++
		case "ssrc", "ssrc-group":
			if !stream.has(a) {
				continue
			}
		default:
			if !slices.Contains(transport, a.Key) {
				continue
			}
		}
		attrs = append(attrs, a)
	}
	for _, c := range s.codecs {
		formats = append(formats, fmt.Sprint(c.pt))
		attrs = append(attrs, c.attributes()...)
		if c.rtx != 0 {
			formats = append(formats, fmt.Sprint(c.rtx))
		}
	}
	direction := "recvonly"
	if publish {
		direction = "sendonly"
	}
	m.Attributes = append(attrs, sdp.NewPropertyAttribute(direction))
	m.MediaName.Formats = formats
	if m.MediaName.Port.Value == 0 {
		m.MediaName.Port.Value = 9 // bundle-only: what it is bundled with may be rejected
	}
}

// reachable tells whether a candidate is one that we can send to, by address and UDP.
func reachable(candidate string) bool {
	c, err := ice.UnmarshalCandidate(candidate)
	return err == nil && c.NetworkType() == ice.NetworkTypeUDP4 && !strings.HasSuffix(c.Address(), ".local")
}

// stream is the one that a section has, by its SSRCs. The engine's time grows by
// the square of how many are named, and it refuses a section of two streams;
// those of another are known by their payload types.
type stream struct {
	group string         // the FID line's value; "" without
	notes map[string]int // a=ssrc lines left, of the stream and of its repair
}

// streamOf returns the stream that m's first FID group tells of, or else its first a=ssrc line.
func streamOf(m *sdp.MediaDescription) stream {
	first := ""
	for _, a := range m.Attributes {
		if a.Key != "ssrc" && a.Key != "ssrc-group" {
			continue
		}
		f := strings.Fields(a.Value)
		switch {
		case a.Key == "ssrc-group" && len(f) == 3 && f[0] == "FID":
			return stream{a.Value, map[string]int{f[1]: maxNotes, f[2]: maxNotes}}
		case a.Key == "ssrc" && first == "" && len(f) > 0:
			first = f[0]
		}
	}
	return stream{"", map[string]int{first: maxNotes}}
}

// has tells whether an a=ssrc or a=ssrc-group line is the stream's, and takes it.
func (s *stream) has(a sdp.Attribute) bool {
	if a.Key == "ssrc-group" {
		if s.group == "" || a.Value != s.group {
			return false
		}
		s.group = ""
		return true
	}
	ssrc, _, _ := strings.Cut(a.Value, " ")
	s.notes[ssrc]--
	return s.notes[ssrc] >= 0
}

// bundle names the sections left in the group, and refuses what needs two transports.
func (o *offer) bundle() error {
	grouped := map[string]bool{}
	attrs := o.desc.Attributes[:0]
	for _, a := range o.desc.Attributes {
		if f := strings.Fields(a.Value); a.Key == "group" && len(f) > 0 && f[0] == "BUNDLE" {
			for _, mid := range f[1:] {
				grouped[mid] = true
			}
			continue
		}
		if slices.Contains(transport, a.Key) {
			attrs = append(attrs, a)
		}
	}
	group := "BUNDLE"
	for _, s := range []*section{o.audio, o.video} {
		if s == nil {
			continue
		}
		if s.mid == "" {
			return errors.New("offer has a media section without a=mid: use a client of unified plan")
		}
		if o.audio != nil && o.video != nil && !grouped[s.mid] {
			return errors.New("offer puts audio and video on separate transports: set the bundle policy to max-bundle")
		}
		group += " " + s.mid
	}
	if len(grouped) > 0 {
		attrs = append(attrs, sdp.NewAttribute("group", group))
	}
	o.desc.Attributes = attrs
	return nil
}

// text returns the reduced offer.
func (o *offer) text() (string, error) {
	b, err := o.desc.Marshal()
	return string(b), err
}

// answer puts the rejected sections back into the engine's answer.
func (o *offer) answer(text string) (string, error) {
	if len(o.rejected) == 0 {
		return text, nil
	}
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	for _, r := range o.rejected {
		m := &sdp.MediaDescription{MediaName: r.media.MediaName, ConnectionInformation: r.media.ConnectionInformation}
		m.MediaName.Port = sdp.RangedPort{}
		if mid, ok := r.media.Attribute("mid"); ok {
			m.Attributes = append(m.Attributes, sdp.NewAttribute("mid", mid))
		}
		m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute("inactive"))
		if r.index > len(desc.MediaDescriptions) {
			return "", errors.New("answer: sections do not match the offer's")
		}
		desc.MediaDescriptions = slices.Insert(desc.MediaDescriptions, r.index, m)
	}
	b, err := desc.Marshal()
	return string(b), err
}
