package rtc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"livedub/media"
	"livedub/media/pace"
)

// sdpOf writes an offer of sections, each "kind direction pt:name[:fmtp] ...".
func sdpOf(sections ...string) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")
	for i := range sections {
		fmt.Fprintf(&b, " m%d", i)
	}
	b.WriteString("\r\na=msid-semantic: WMS *\r\n")
	for i, s := range sections {
		f := strings.Fields(s)
		if f[0] == "application" {
			b.WriteString("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n")
		} else {
			fmt.Fprintf(&b, "m=%s 9 UDP/TLS/RTP/SAVPF", f[0])
			for _, c := range f[2:] {
				b.WriteString(" " + strings.Split(c, ":")[0])
			}
			b.WriteString("\r\n")
		}
		fmt.Fprintf(&b, "c=IN IP4 0.0.0.0\r\na=mid:m%d\r\na=%s\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=rtcp-mux\r\n", i, f[1])
		b.WriteString("a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\r\n")
		b.WriteString("a=candidate:bad\r\na=candidate:1 1 udp 2130706431 something.local 5000 typ host\r\na=candidate:2 1 udp 2130706431 127.0.0.1 9 typ host\r\n")
		for _, c := range f[2:] {
			v := strings.SplitN(c, ":", 3)
			fmt.Fprintf(&b, "a=rtpmap:%s %s\r\na=rtcp-fb:%s nack\r\n", v[0], v[1], v[0])
			if len(v) > 2 {
				fmt.Fprintf(&b, "a=fmtp:%s %s\r\n", v[0], v[2])
			}
		}
	}
	return b.String()
}

const (
	opusPT = "111:opus/48000/2:minptime=10"
	vp8PT  = "96:VP8/90000"
	highPT = "102:H264/90000:packetization-mode=1;profile-level-id=640c1f"
	basePT = "103:H264/90000:level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	mode0  = "104:H264/90000:packetization-mode=0;profile-level-id=42e01f"
	bareH  = "105:h264/90000"
)

func TestOfferIsReducedToWhatWeTake(t *testing.T) {
	for _, c := range []struct {
		name    string
		offer   string
		publish bool
		video   []string // payload types and codecs taken
		audio   []string
		err     string
	}{
		{"all sorts", sdpOf("audio sendrecv "+opusPT, "video sendonly 45:AV1/90000 "+vp8PT+" 97:rtx/90000:apt=96 "+highPT+" "+mode0+" "+bareH), true,
			[]string{"96 vp8 97", "102 h264 0", "104 h264 0", "105 h264 0"}, []string{"111 opus 0"}, ""},
		{"viewer prefers constrained baseline", sdpOf("video recvonly "+vp8PT+" "+highPT+" "+mode0+" "+basePT, "audio recvonly "+opusPT), false,
			[]string{"103 h264 0"}, []string{"111 opus 0"}, ""},
		{"viewer of mode 0 gets VP8", sdpOf("video recvonly " + mode0 + " " + vp8PT), false, []string{"96 vp8 0"}, nil, ""},
		{"capitals", sdpOf("audio sendonly 100:OPUS/48000/2"), true, nil, []string{"100 opus 0"}, ""},
		{"second of a kind, data, wrong way", sdpOf("application sendrecv", "video recvonly "+vp8PT, "video sendonly "+highPT, "video sendonly "+vp8PT, "audio inactive "+opusPT), true,
			[]string{"102 h264 0"}, nil, ""},
		{"no codec", sdpOf("audio sendonly "+opusPT, "video sendonly 45:AV1/90000"), true, nil, nil, "H264"},
		{"no codec to view", sdpOf("video recvonly " + mode0), false, nil, nil, "H264"},
		{"nothing", sdpOf("application sendrecv"), true, nil, nil, "neither audio nor video"},
		{"wrong way", sdpOf("audio recvonly " + opusPT), true, nil, nil, "direction"},
		{"no SDP", "hello", true, nil, nil, "SDP"},
		{"empty", "", true, nil, nil, "offer"},
		{"many sections", sdpOf(slices.Repeat([]string{"audio sendonly " + opusPT}, 65)...), true, nil, nil, "at most"},
		{"two transports", strings.Replace(sdpOf("audio sendonly "+opusPT, "video sendonly "+vp8PT), "a=group:BUNDLE m0 m1\r\n", "", 1), true, nil, nil, "max-bundle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := parseOffer(c.offer, c.publish)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("error %v, want %q in it", err, c.err)
				}
				return
			}
			must(t, err)
			taken := func(s *section) (out []string) {
				if s != nil {
					for _, c := range s.codecs {
						out = append(out, fmt.Sprint(c.pt, " ", c.codec, " ", c.rtx))
					}
				}
				return out
			}
			if v, a := taken(o.video), taken(o.audio); !slices.Equal(v, c.video) || !slices.Equal(a, c.audio) {
				t.Errorf("took %q and %q, want %q and %q", v, a, c.video, c.audio)
			}
		})
	}
	if _, err := parseOffer(sdpOf("video sendonly 45:AV1/90000"), true); !errors.Is(err, ErrNoCodec) {
		t.Errorf("no codec: %v", err)
	}
}

// TestEngineIsToldLittle: what takes the engine time, and what only we read, is not told.
func TestEngineIsToldLittle(t *testing.T) {
	const group, repair = "a=ssrc-group:FID 21 22\r\n", "a=ssrc:22 cname:x\r\n"
	for name, c := range map[string]struct {
		lines   string
		publish bool
		told    []string // of these lines' kinds
	}{
		"one stream": {"a=ssrc-group:SIM 21 31\r\na=ssrc:31 cname:x\r\n" + group + "a=ssrc:21 cname:x\r\n" + repair + "a=ssrc:41 cname:x\r\na=ssrc-group:FID 31 32\r\n" + group, true,
			[]string{"ssrc-group:FID 21 22", "ssrc:21 cname:x", "ssrc:22 cname:x"}},
		"no group": {"a=ssrc:7 cname:x\r\na=ssrc:7 msid:a b\r\na=ssrc:8 cname:y\r\n" + strings.Repeat("a=ssrc:7 label:z\r\n", 60), true,
			[]string{"ssrc:7 cname:x", "ssrc:7 msid:a b", "ssrc:7 label:z", "ssrc:7 label:z"}},
		"unknown and extensions": {"a=x:y\r\na=rid:h send\r\na=extmap:3 urn:x\r\na=extmap:4 " + sdp.TransportCCURI + "\r\na=extmap:5 " + sdp.TransportCCURI + "\r\n", true,
			[]string{"extmap:4 " + sdp.TransportCCURI}},
		"extensions of a viewer": {"a=extmap:4 " + sdp.TransportCCURI + "\r\n", false, nil},
		"candidates": {"a=candidate:1 1 udp 1 x.local 9 typ host\r\na=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\na=candidate:1 1 udp 1 2001:db8::1 9 typ host\r\n" +
			strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 30), true, slices.Repeat([]string{"candidate:1 1 udp 1 192.0.2.1 9 typ host"}, maxOffered)},
	} {
		t.Run(name, func(t *testing.T) {
			bare := strings.Replace(sdpOf("video sendrecv "+vp8PT), "a=candidate:2 1 udp 2130706431 127.0.0.1 9 typ host\r\n", "", 1)
			o, err := parseOffer(bare+c.lines, c.publish)
			must(t, err)
			var told []string
			for _, a := range o.desc.MediaDescriptions[0].Attributes {
				switch a.Key {
				case "ssrc", "ssrc-group", "x", "rid", "extmap", "candidate":
					told = append(told, a.Key+":"+a.Value)
				}
			}
			if !slices.Equal(told, c.told) {
				t.Errorf("told %q, want %q", told, c.told)
			}
		})
	}

	format := "packetization-mode=1;profile-level-id=42e01f;x=" + strings.Repeat("y", 1000) + ";sprop-parameter-sets=Z0IA,aM4"
	var all []string
	for pt := 96; pt < 128; pt++ {
		all = append(all, fmt.Sprintf("%d:H264/90000:%s", pt, format))
	}
	o, err := parseOffer(sdpOf("video sendonly "+strings.Join(all, " ")), true)
	must(t, err)
	if n := len(o.video.codecs); n != maxCodecs {
		t.Errorf("%d codecs", n)
	}
	if got := o.video.codecs[0]; got.fmtp != format || got.agreed() != "packetization-mode=1;profile-level-id=42e01f" {
		t.Errorf("read %q, told %q", got.fmtp, got.agreed())
	}
	if text, err := o.text(); err != nil || strings.Contains(text, "yyy") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestAnswerHasEverySection: what is not taken is refused in its place.
func TestAnswerHasEverySection(t *testing.T) {
	h := newTestHost(t)
	offer := sdpOf("application sendrecv", "video sendonly "+vp8PT+" 97:rtx/90000:apt=96", "video sendonly "+vp8PT, "audio sendonly "+opusPT, "audio sendonly "+opusPT)
	p, answer, err := h.Publish(t.Context(), offer, PublishOptions{Clock: pace.NewWall()})
	must(t, err)
	var lines []string
	for _, l := range strings.Split(answer, "\r\n") {
		if strings.HasPrefix(l, "m=") || strings.HasPrefix(l, "a=mid") || strings.HasPrefix(l, "a=group") || l == "a=inactive" || l == "a=recvonly" {
			lines = append(lines, l)
		}
	}
	want := []string{"a=group:BUNDLE m1 m3", "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:m0", "a=inactive",
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=mid:m1", "a=recvonly", "m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:m2", "a=inactive",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:m3", "a=recvonly", "m=audio 0 UDP/TLS/RTP/SAVPF 111", "a=mid:m4", "a=inactive"}
	if !slices.Equal(lines, want) {
		t.Errorf("answer has\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(answer, "a=candidate:") || !strings.Contains(answer, " udp ") || !strings.Contains(answer, " tcp ") {
		t.Errorf("answer lacks candidates:\n%s", answer)
	}
	must(t, p.Close())
}

// FuzzOffer gives anything to both endpoints of a host: an error or a peer, never a crash.
func FuzzOffer(f *testing.F) {
	f.Add(sdpOf("audio sendrecv "+opusPT, "video sendrecv "+vp8PT+" 97:rtx/90000:apt=96"))
	f.Add(sdpOf("video sendrecv 96:VP8/90000 97:rtx/90000:apt=97 96:H264/90000"))
	f.Add(strings.ReplaceAll(sdpOf("audio sendrecv "+opusPT), "a=ice-pwd", "a=x"))
	f.Add(strings.ReplaceAll(sdpOf("audio sendrecv "+opusPT), "a=mid:m0", "a=mid:"))
	f.Add(strings.ReplaceAll(sdpOf("audio sendrecv "+opusPT), "a=fingerprint:sha-256 ", "a=fingerprint:md5 "))
	f.Add(sdpOf("video sendrecv 300:VP8/90000 -1:VP8/90000 96:H264/90000:packetization-mode=1"))
	f.Add("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP 0\r\n")
	f.Add(strings.ReplaceAll(sdpOf("audio sendrecv "+opusPT, "audio sendrecv "+opusPT), "m1", "m0"))
	h, err := NewHost(Config{Loopback: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = h.Close() })
	f.Fuzz(func(t *testing.T, offer string) {
		if p, answer, err := h.Publish(context.Background(), offer, PublishOptions{Clock: pace.NewWall()}); err == nil {
			if !strings.HasPrefix(answer, "v=0") {
				t.Errorf("answer %q", answer)
			}
			_ = p.Close()
		} else if strings.Contains(err.Error(), "cannot be taken: runtime") {
			t.Error(err)
		}
		if v, _, err := h.View(context.Background(), offer, ViewOptions{Clock: pace.NewWall(), StreamID: "s"}); err == nil {
			if video, audio := v.Codecs(); video == "" && audio == "" || audio != "" && audio != media.Opus {
				t.Errorf("codecs %q %q", video, audio)
			}
			_ = v.Close()
		}
	})
}
