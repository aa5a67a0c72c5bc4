package rtc

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

// NAL unit types (ITU-T H.264, table 7-1; RFC 6184, table 1).
const (
	nalSlice    = 1
	nalIDR      = 5
	nalSPS      = 7
	nalPPS      = 8
	nalAUD      = 9
	nalFiller   = 12
	nalSTAPA    = 24
	nalFUA      = 28
	nalTypeMask = 0x1f
	nalRefMask  = 0xe0 // forbidden_zero_bit and nal_ref_idc
)

// maxParameterSets bounds what is kept of them, bytes.
const maxParameterSets = 4096

var startCode = []byte{0, 0, 0, 1}

var (
	errTruncated  = errors.New("truncated RTP payload")
	errNotStarted = errors.New("frame lacks its beginning")
	errPayload    = errors.New("unknown RTP payload structure")
)

// splitH264 returns the NAL units that one frame's RTP payloads carry:
// single units, STAP-A and FU-A (RFC 6184, packetization modes 0 and 1).
func splitH264(payloads [][]byte) (nals [][]byte, err error) {
	var open []byte // a unit in fragments
	for _, p := range payloads {
		if len(p) == 0 {
			return nil, errTruncated
		}
		kind := p[0] & nalTypeMask
		if open != nil && kind != nalFUA {
			return nil, errTruncated
		}
		switch {
		case kind > 0 && kind < nalSTAPA:
			nals = append(nals, p)
		case kind == nalSTAPA:
			for p = p[1:]; len(p) > 0; {
				if len(p) < 2 {
					return nil, errTruncated
				}
				n := int(binary.BigEndian.Uint16(p))
				if n == 0 || n > len(p)-2 {
					return nil, errTruncated
				}
				nals = append(nals, p[2:2+n])
				p = p[2+n:]
			}
		case kind == nalFUA:
			if len(p) < 2 {
				return nil, errTruncated
			}
			first, last := p[1]&0x80 != 0, p[1]&0x40 != 0
			switch {
			case first && open != nil:
				return nil, errTruncated
			case first:
				open = []byte{p[0]&nalRefMask | p[1]&nalTypeMask}
			case open == nil:
				return nil, errNotStarted
			}
			open = append(open, p[2:]...)
			if last {
				nals, open = append(nals, open), nil
			}
		default:
			return nil, errPayload
		}
	}
	if open != nil {
		return nil, errTruncated
	}
	return nals, nil
}

// h264Stream turns frames to Annex B and keeps the parameter sets they need.
type h264Stream struct{ sps, pps [][]byte }

// newH264Stream takes the sprop-parameter-sets of an SDP format line, if any.
func newH264Stream(fmtp string) *h264Stream {
	s := &h264Stream{}
	for _, text := range strings.Split(fmtpValue(fmtp, "sprop-parameter-sets"), ",") {
		if nal, err := base64.StdEncoding.DecodeString(text); err == nil {
			s.keep(nal)
		}
	}
	return s
}

// keep remembers a parameter set; an SPS makes all sets before it void.
func (s *h264Stream) keep(nal []byte) {
	if len(nal) < 2 {
		return
	}
	switch nal[0] & nalTypeMask {
	case nalSPS:
		s.sps, s.pps = [][]byte{nal}, nil
	case nalPPS:
		total := len(nal)
		for _, p := range s.pps {
			if bytes.Equal(p, nal) {
				return
			}
			total += len(p)
		}
		if total <= maxParameterSets {
			s.pps = append(s.pps, nal)
		}
	}
}

// frame assembles one access unit in Annex B form, with SPS and PPS before each
// IDR. data is nil where the payloads held no frame.
func (s *h264Stream) frame(payloads [][]byte) (data []byte, key bool, err error) {
	nals, err := splitH264(payloads)
	if err != nil {
		return nil, false, err
	}
	var begun, idr, params bool
	for _, n := range nals {
		switch t := n[0] & nalTypeMask; {
		case t >= nalSlice && t <= nalIDR:
			if len(n) < 2 {
				return nil, false, errTruncated
			}
			// first_mb_in_slice is 0 in a frame's first slice, coded as a single 1 bit.
			if !begun && n[1]&0x80 == 0 {
				return nil, false, errNotStarted
			}
			begun = true
			idr = idr || t == nalIDR
		case t == nalSPS || t == nalPPS:
			params = params || t == nalSPS
			s.keep(slices.Clone(n))
		}
	}
	if !begun {
		return nil, false, nil
	}
	var head [][]byte
	if idr && !params {
		head = slices.Concat(s.sps, s.pps)
	}
	size := 0
	for _, n := range slices.Concat(head, nals) {
		size += len(startCode) + len(n)
	}
	data = make([]byte, 0, size)
	for _, n := range slices.Concat(head, nals) {
		data = append(append(data, startCode...), n...)
	}
	return data, idr && len(s.sps) > 0 && len(s.pps) > 0, nil
}

// fmtpValue returns one parameter of an SDP format line, "" without it.
func fmtpValue(fmtp, key string) string {
	for f := range strings.SplitSeq(fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(f), "=")
		if strings.EqualFold(strings.TrimSpace(k), key) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// annexB returns the NAL units of an access unit in Annex B form.
func annexB(data []byte) (nals [][]byte) {
	from := -1
	for i := 0; i+2 < len(data); {
		if data[i+2] > 1 {
			i += 3
			continue
		}
		if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
			i++
			continue
		}
		if from >= 0 {
			nals = appendNAL(nals, data[from:i])
		}
		i += 3
		from = i
	}
	if from >= 0 {
		nals = appendNAL(nals, data[from:])
	}
	return nals
}

// appendNAL appends a unit without its trailing zeros.
func appendNAL(nals [][]byte, n []byte) [][]byte {
	if n = bytes.TrimRight(n, "\x00"); len(n) > 0 {
		nals = append(nals, n)
	}
	return nals
}

// packH264 cuts an access unit into RTP payloads of at most mtu bytes:
// parameter sets and other small units together (STAP-A), large ones in
// fragments (FU-A), the rest alone: packetization mode 1.
func packH264(data []byte, mtu int) (out [][]byte) {
	var group [][]byte
	size := 1
	flush := func() {
		switch len(group) {
		case 0:
		case 1:
			out = append(out, group[0])
		default:
			p := append(make([]byte, 0, size), nalSTAPA)
			for _, n := range group {
				p[0] = max(p[0]&0x60, n[0]&0x60) | nalSTAPA
				p = append(binary.BigEndian.AppendUint16(p, uint16(len(n))), n...)
			}
			out = append(out, p)
		}
		group, size = nil, 1
	}
	for _, n := range annexB(data) {
		switch t := n[0] & nalTypeMask; {
		case t == nalAUD || t == nalFiller:
			continue
		case len(n) > mtu:
			flush()
			out = fragment(out, n, mtu)
			continue
		case size+2+len(n) > mtu:
			flush()
		}
		group = append(group, n)
		size += 2 + len(n)
	}
	flush()
	return out
}

// fragment appends the FU-A payloads of one unit, of nearly equal length.
func fragment(out [][]byte, n []byte, mtu int) [][]byte {
	head, rest := n[0], n[1:]
	count := (len(rest) + mtu - 3) / (mtu - 2)
	for i := range count {
		part := rest[len(rest)*i/count : len(rest)*(i+1)/count]
		p := append(make([]byte, 0, 2+len(part)), head&nalRefMask|nalFUA, head&nalTypeMask)
		if i == 0 {
			p[1] |= 0x80
		}
		if i == count-1 {
			p[1] |= 0x40
		}
		out = append(out, append(p, part...))
	}
	return out
}
