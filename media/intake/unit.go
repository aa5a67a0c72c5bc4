package intake

import (
	"errors"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"livedub/media"
)

// Params are the parameter sets that an encoder sends beside its frames, as NAL units
// or OBUs. Each frame that decoding may begin at gets those that it lacks, so that
// it can, and sets may change.
type Params [][]byte

var (
	errEmpty = errors.New("an access unit with nothing to decode")
	errOBU   = errors.New("an AV1 temporal unit that is cut off")
)

// Frame returns an access unit of H.264 or HEVC in Annex B form, and whether decoding
// may begin there: its container says so, or it has a keyframe or parameter sets.
func Frame(c media.Codec, nals [][]byte, p Params, said bool) (data []byte, key bool, err error) {
	nals = slices.DeleteFunc(slices.Clone(nals), func(n []byte) bool { return len(n) == 0 })
	if len(nals) == 0 {
		return nil, false, errEmpty
	}
	has := slices.ContainsFunc(nals, func(n []byte) bool { return isParams(c, n) })
	key = said || has || c == media.HEVC && h265.IsRandomAccess(nals) || c == media.H264 && h264.IsRandomAccess(nals)
	if key && !has {
		nals = slices.Concat(p, nals)
	}
	data, err = h264.AnnexB(nals).Marshal()
	return data, key, err
}

// ParamsOf returns the parameter sets among NAL units; nil where there are none.
func ParamsOf(c media.Codec, nals [][]byte) Params {
	var out Params
	for _, n := range nals {
		if isParams(c, n) {
			out = append(out, n)
		}
	}
	return out
}

func isParams(c media.Codec, nal []byte) bool {
	if len(nal) == 0 {
		return false
	}
	if c == media.HEVC {
		t := h265.NALUType(nal[0] >> 1 & 0x3f)
		return t == h265.NALUType_VPS_NUT || t == h265.NALUType_SPS_NUT || t == h265.NALUType_PPS_NUT
	}
	t := h264.NALUType(nal[0] & 0x1f)
	return t == h264.NALUTypeSPS || t == h264.NALUTypePPS
}

// AVCC splits an access unit whose NAL units stand behind their lengths, of four bytes each.
func AVCC(data []byte) ([][]byte, error) {
	var nals h264.AVCC
	err := nals.Unmarshal(data)
	if errors.Is(err, h264.ErrAVCCNoNALUs) {
		err = errEmpty
	}
	return nals, err
}

// AV1Frame returns a temporal unit in the low-overhead format, with a sequence header
// where decoding may begin, and whether that is there. config are OBUs of that format.
func AV1Frame(unit, config []byte) (data []byte, key bool, err error) {
	if len(unit) == 0 {
		return nil, false, errEmpty
	}
	header := false
	for rest := unit; len(rest) > 0; {
		kind, body, after, err := obu(rest)
		if err != nil {
			return nil, false, err
		}
		header = header || kind == byte(av1.OBUTypeSequenceHeader)
		key = key || (kind == obuFrameHeader || kind == obuFrame) && len(body) > 0 && body[0]&obuShowsKey == 0
		rest = after
	}
	if key && !header {
		unit = slices.Concat(config, unit)
	}
	return unit, key, nil
}

// AV1Units is AV1Frame for OBUs one by one, and a sequence header, nil for none.
func AV1Units(obus [][]byte, header []byte) (data []byte, key bool, err error) {
	if data, err = av1.Bitstream(obus).Marshal(); err != nil {
		return nil, false, err
	}
	var config []byte
	if len(header) > 0 {
		if config, err = av1.Bitstream([][]byte{header}).Marshal(); err != nil {
			return nil, false, err
		}
	}
	return AV1Frame(data, config)
}

// Of AV1's specification, 5.9.2 and 6.2.2.
const (
	obuFrameHeader = 3
	obuFrame       = 6
	obuShowsKey    = 0xe0 // no bit of show_existing_frame and frame_type is set in a keyframe
)

// obu cuts the first OBU off.
func obu(b []byte) (kind byte, body, rest []byte, err error) {
	const extended, sized = 4, 2
	head := b[0]
	b = b[1:]
	if head&extended != 0 {
		b = b[min(1, len(b)):]
	}
	size := len(b)
	if head&sized != 0 {
		var n av1.LEB128
		used, err := n.Unmarshal(b)
		if err != nil {
			return 0, nil, nil, errOBU
		}
		b, size = b[used:], int(n)
	}
	if size > len(b) {
		return 0, nil, nil, errOBU
	}
	return head >> 3 & 0xf, b[:size], b[size:], nil
}

// VP9Key tells whether decoding may begin at a frame of VP9.
func VP9Key(frame []byte) bool { return vp9.IsRandomAccess(frame) }
