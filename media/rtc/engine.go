package rtc

import (
	"strconv"
	"strings"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// resendPackets is how many packets a viewer may ask for again: a second at 8 Mbit/s.
const resendPackets = 1024

// newConnection makes a connection that knows the offer's codecs and no other,
// with our own list of interceptors. Missing on purpose: pion's NACK generator
// (Receiver asks by itself: the generator does not see repaired packets and asks
// for ever), and its sender reports (Sender writes them).
func (h *Host) newConnection(o *offer, publish bool) (*webrtc.PeerConnection, error) {
	m, err := newMediaEngine(o, publish)
	if err != nil {
		return nil, err
	}
	list := &interceptor.Registry{}
	if publish {
		reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(pionLogs{h.log}))
		if err != nil {
			return nil, err
		}
		feedback, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(pionLogs{h.log}))
		if err != nil {
			return nil, err
		}
		list.Add(reports)
		list.Add(feedback)
	} else {
		// Payloads are never written after they are made, but headers are: the responder copies.
		responder, err := nack.NewResponderInterceptor(nack.ResponderSize(resendPackets), nack.WithResponderLoggerFactory(pionLogs{h.log}))
		if err != nil {
			return nil, err
		}
		list.Add(responder)
	}
	settings := h.settings
	if o.made {
		settings = h.calling
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(list), webrtc.WithSettingEngine(settings))
	return api.NewPeerConnection(webrtc.Configuration{})
}

func newMediaEngine(o *offer, publish bool) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, s := range []*section{o.audio, o.video} {
		if s == nil {
			continue
		}
		for _, c := range s.codecs {
			if err := registerCodec(m, c, publish); err != nil {
				return nil, err
			}
		}
	}
	// No MID: with it pion wants stream ids too before it takes an SSRC that the
	// offer did not name; without, it goes by the payload type, which is unique here.
	if !publish {
		return m, nil
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}, kind); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func registerCodec(m *webrtc.MediaEngine, c offeredCodec, publish bool) error {
	kind := webrtc.RTPCodecTypeVideo
	if strings.HasPrefix(c.mime(), "audio/") {
		kind = webrtc.RTPCodecTypeAudio
	}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(c.pt), RTPCodecCapability: c.capability(publish)}, kind); err != nil {
		return err
	}
	if c.rtx == 0 {
		return nil
	}
	return m.RegisterCodec(webrtc.RTPCodecParameters{
		PayloadType: webrtc.PayloadType(c.rtx),
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: c.rate(), SDPFmtpLine: "apt=" + strconv.Itoa(int(c.pt)),
		},
	}, kind)
}

// capability describes the codec to pion. Transport-wide feedback is for
// publishers only: viewers are judged by their receiver reports.
func (c offeredCodec) capability(publish bool) webrtc.RTPCodecCapability {
	out := webrtc.RTPCodecCapability{MimeType: c.mime(), ClockRate: c.rate(), Channels: c.channels(), SDPFmtpLine: c.agreed()}
	for _, f := range c.feedback {
		if f == "transport-cc" && !publish {
			continue
		}
		kind, parameter, _ := strings.Cut(f, " ")
		out.RTCPFeedback = append(out.RTCPFeedback, webrtc.RTCPFeedback{Type: kind, Parameter: parameter})
	}
	return out
}
