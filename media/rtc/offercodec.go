package rtc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"livedub/media"
)

// maxCodecs bounds how many payload types of a section are taken: browsers have up
// to nine. The engine compares each with each.
const maxCodecs = 9

// offeredCodec is a payload type that we know.
type offeredCodec struct {
	pt       uint8
	rtx      uint8 // its repair stream's payload type, 0 without
	codec    media.Codec
	fmtp     string   // as offered, what RFC 6184 leaves out written out
	feedback []string // of those we can use
}

// usable are the kinds of feedback that we give or take (SDP rtcp-fb).
var usable = []string{"nack", "nack pli", "ccm fir", "transport-cc"}

func (c offeredCodec) mime() string {
	return map[media.Codec]string{media.H264: "video/H264", media.VP8: "video/VP8", media.Opus: "audio/opus"}[c.codec]
}

func (c offeredCodec) rate() uint32 {
	if c.codec == media.Opus {
		return 48000
	}
	return 90000
}

func (c offeredCodec) channels() uint16 {
	if c.codec == media.Opus {
		return 2 // always, whatever is in it (RFC 7587, 7)
	}
	return 0
}

// parameters are those of format lines that are agreed on. Others are the sender's
// own, as its parameter sets, which Receiver reads from fmtp.
var parameters = map[media.Codec][]string{
	media.H264: {"level-asymmetry-allowed", "packetization-mode", "profile-level-id"},
	media.VP8:  {"max-fr", "max-fs"},
	media.Opus: {"maxplaybackrate", "maxaveragebitrate", "minptime", "stereo", "sprop-stereo", "cbr", "useinbandfec", "usedtx"},
}

// agreed is the format line that the engine is told.
func (c offeredCodec) agreed() string {
	var out []string
	for _, key := range parameters[c.codec] {
		if v := fmtpValue(c.fmtp, key); v != "" && len(v) <= 16 {
			out = append(out, key+"="+v)
		}
	}
	return strings.Join(out, ";")
}

// track is what a sender of this codec sends.
func (c offeredCodec) track() media.Track {
	if c.codec != media.Opus {
		return media.Track{Kind: media.Video, Codec: c.codec}
	}
	t := media.Track{Kind: media.Audio, Codec: c.codec, SampleRate: 48000, Channels: 1}
	if fmtpValue(c.fmtp, "sprop-stereo") == "1" {
		t.Channels = 2
	}
	return t
}

// attributes describes the payload type in SDP, and its repair stream's.
func (c offeredCodec) attributes() (out []sdp.Attribute) {
	_, name, _ := strings.Cut(c.mime(), "/")
	text := fmt.Sprintf("%d %s/%d", c.pt, name, c.rate())
	if n := c.channels(); n > 0 {
		text += fmt.Sprintf("/%d", n)
	}
	out = append(out, sdp.NewAttribute("rtpmap", text))
	if format := c.agreed(); format != "" {
		out = append(out, sdp.NewAttribute("fmtp", fmt.Sprintf("%d %s", c.pt, format)))
	}
	for _, f := range c.feedback {
		out = append(out, sdp.NewAttribute("rtcp-fb", fmt.Sprintf("%d %s", c.pt, f)))
	}
	if c.rtx != 0 {
		out = append(out,
			sdp.NewAttribute("rtpmap", fmt.Sprintf("%d rtx/%d", c.rtx, c.rate())),
			sdp.NewAttribute("fmtp", fmt.Sprintf("%d apt=%d", c.rtx, c.pt)))
	}
	return out
}

// readCodecs returns the codecs of a section that we know, in the peer's order.
func readCodecs(m *sdp.MediaDescription, kind media.Kind) (out []offeredCodec) {
	maps, fmtps, feedback := map[string]string{}, map[string]string{}, map[string][]string{}
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" && a.Key != "fmtp" && a.Key != "rtcp-fb" {
			continue
		}
		pt, value, _ := strings.Cut(strings.TrimSpace(a.Value), " ")
		value = strings.Join(strings.Fields(value), " ")
		switch a.Key {
		case "rtpmap":
			maps[pt] = value
		case "fmtp":
			fmtps[pt] = value
		case "rtcp-fb":
			feedback[pt] = append(feedback[pt], strings.ToLower(value))
		}
	}
	repairs := map[string]uint8{}
	for _, f := range m.MediaName.Formats {
		if n, ok := payloadType(f); ok && strings.HasPrefix(strings.ToLower(maps[f]), "rtx/") {
			repairs[fmtpValue(fmtps[f], "apt")] = n
		}
	}
	for _, f := range m.MediaName.Formats {
		n, ok := payloadType(f)
		if !ok || len(out) == maxCodecs || slices.ContainsFunc(out, func(c offeredCodec) bool { return c.pt == n }) {
			continue
		}
		c := offeredCodec{pt: n, rtx: repairs[f], fmtp: fmtps[f]}
		switch name := strings.ToLower(maps[f]); {
		case kind == media.Audio && (name == "opus/48000/2" || name == "opus/48000"):
			c.codec, c.rtx = media.Opus, 0
		case kind == media.Video && name == "vp8/90000":
			c.codec = media.VP8
		case kind == media.Video && name == "h264/90000":
			c.codec = media.H264
			if c.fmtp, ok = h264Format(c.fmtp); !ok {
				continue
			}
		default:
			continue
		}
		for _, u := range usable {
			if slices.Contains(feedback[f], u) || slices.Contains(feedback["*"], u) {
				c.feedback = append(c.feedback, u)
			}
		}
		out = append(out, c)
	}
	return out
}

// payloadType reads a dynamic payload type; 0 is no such one.
func payloadType(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 7)
	return uint8(n), err == nil && n >= 35 && (n < 64 || n > 95) // those between are RTCP's (RFC 5761, 4)
}

// h264Format writes out what a format line leaves to RFC 6184's defaults;
// false for interleaved packets (mode 2), which nobody sends.
func h264Format(fmtp string) (string, bool) {
	mode, profile := fmtpValue(fmtp, "packetization-mode"), fmtpValue(fmtp, "profile-level-id")
	if mode != "" && mode != "0" && mode != "1" {
		return "", false
	}
	if mode == "" {
		fmtp = strings.TrimPrefix(fmtp+";packetization-mode=0", ";")
	}
	if profile == "" {
		fmtp += ";profile-level-id=42000a"
	}
	return fmtp, true
}

// choose returns the one codec we send of those offered: H.264 in packetization
// mode 1, the profile nearest to constrained baseline, or else the first other.
func choose(offered []offeredCodec) []offeredCodec {
	best, rank := -1, 0
	for i, c := range offered {
		r := 1
		if c.codec == media.H264 {
			if fmtpValue(c.fmtp, "packetization-mode") != "1" {
				continue // one unit a packet: no frame of any size fits
			}
			switch profile := strings.ToLower(fmtpValue(c.fmtp, "profile-level-id")); {
			case strings.HasPrefix(profile, "42e0"):
				r = 5
			case strings.HasPrefix(profile, "42"):
				r = 4
			case strings.HasPrefix(profile, "4d"):
				r = 3
			default:
				r = 2 // every decoder of High decodes baseline
			}
		}
		if r > rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		return nil
	}
	return offered[best : best+1]
}
