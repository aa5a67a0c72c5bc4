package cmaf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"livedub/media"
)

const lengthSize = 4 // bytes of a NAL unit's length in what is made here

// NAL unit types that have no place in a sample.
const (
	nalSPS       = 7
	nalPPS       = 8
	nalDelimiter = 9
	nalFiller    = 12
)

// framer makes of access units what a file has.
type framer struct {
	sets   *codecs.H264 // of the last keyframe; nil before
	length int          // bytes of a NAL unit's length; 0: Annex B
	blind  bool         // frames are left out until a keyframe comes
}

// frame makes a sample's data what a file has; false where it cannot be decoded yet.
func (f *framer) frame(s *sample) (ok bool, err error) {
	data, sets, err := unitsOf(s.Data, f.length)
	if err != nil {
		return false, fmt.Errorf("cmaf: a frame at %v: %w", s.PTS, err)
	}
	if sets != nil && (f.sets == nil || !sameSets(sets, f.sets)) {
		f.sets = sets
	}
	if s.Key && f.sets != nil {
		f.blind = false
	}
	if f.blind || len(data) == 0 {
		return false, nil
	}
	s.Data, s.sets = data, f.sets
	return true, nil
}

// configOf reads a track's Extradata: nothing, parameter sets in Annex B form, or
// avcC, which also tells how long the lengths are that its packets have for start codes.
func configOf(extra []byte) (sets *codecs.H264, length int, err error) {
	switch {
	case len(extra) == 0:
		return nil, 0, nil
	case extra[0] == 1:
		return avcC(extra)
	}
	_, sets, err = unitsOf(extra, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("cmaf: the frames' parameter sets: %w", err)
	}
	return sets, 0, nil
}

// avcC reads an AVCDecoderConfigurationRecord.
func avcC(b []byte) (*codecs.H264, int, error) {
	broken := errors.New("cmaf: the frames' avcC is broken")
	if len(b) < 6 {
		return nil, 0, broken
	}
	length := int(b[4]&3) + 1
	sets := &codecs.H264{}
	rest := b[5:]
	for _, set := range []*[]byte{&sets.SPS, &sets.PPS} {
		if len(rest) == 0 {
			return nil, 0, broken
		}
		n := int(rest[0] & 0x1f)
		rest = rest[1:]
		for range n {
			if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
				return nil, 0, broken
			}
			size := int(binary.BigEndian.Uint16(rest))
			*set = rest[2 : 2+size]
			rest = rest[2+size:]
		}
	}
	if len(sets.SPS) == 0 || len(sets.PPS) == 0 {
		return nil, 0, broken
	}
	return sets, length, nil
}

// unitsOf returns an access unit as a sample has it, and its parameter sets, if it
// has both. Its units stand behind start codes, or lengths of that many bytes.
func unitsOf(unit []byte, length int) (data []byte, sets *codecs.H264, err error) {
	nals, err := split(unit, length)
	if err != nil {
		return nil, nil, err
	}
	var found codecs.H264
	data = make([]byte, 0, len(unit)+lengthSize*len(nals))
	for _, n := range nals {
		switch n[0] & 0x1f {
		case nalSPS:
			found.SPS = n
		case nalPPS:
			found.PPS = n
		case nalDelimiter, nalFiller:
		default:
			data = binary.BigEndian.AppendUint32(data, uint32(len(n)))
			data = append(data, n...)
		}
	}
	if len(found.SPS) > 0 && len(found.PPS) > 0 {
		sets = &codecs.H264{SPS: bytes.Clone(found.SPS), PPS: bytes.Clone(found.PPS)}
	}
	return data, sets, nil
}

func split(unit []byte, length int) ([][]byte, error) {
	if length == 0 {
		var nals h264.AnnexB
		err := nals.Unmarshal(unit)
		return nals, err
	}
	var nals [][]byte
	for len(unit) > 0 {
		if len(unit) < length {
			return nil, errors.New("a NAL unit is cut off")
		}
		size := 0
		for _, b := range unit[:length] {
			size = size<<8 | int(b)
		}
		unit = unit[length:]
		if size > len(unit) {
			return nil, errors.New("a NAL unit is cut off")
		}
		if size > 0 {
			nals = append(nals, unit[:size])
		}
		unit = unit[size:]
	}
	return nals, nil
}

func sameSets(a, b *codecs.H264) bool {
	return bytes.Equal(a.SPS, b.SPS) && bytes.Equal(a.PPS, b.PPS)
}

// annexB returns units with start codes.
func annexB(nals ...[]byte) []byte {
	size := 0
	for _, n := range nals {
		size += lengthSize + len(n)
	}
	out := make([]byte, 0, size)
	for _, n := range nals {
		out = append(append(out, 0, 0, 0, 1), n...)
	}
	return out
}

// trackOf describes a track as its codec's configuration does.
func trackOf(c codecs.Codec) (media.Track, error) {
	switch c := c.(type) {
	case *codecs.H264:
		var sps h264.SPS
		if err := sps.Unmarshal(c.SPS); err != nil {
			return media.Track{}, fmt.Errorf("cmaf: the frames' parameter sets: %w", err)
		}
		t := media.Track{Kind: media.Video, Codec: media.H264, Extradata: annexB(c.SPS, c.PPS), Width: sps.Width(), Height: sps.Height(), Fields: media.Progressive}
		if v := sps.VUI; v != nil && v.ColourDescriptionPresentFlag {
			t.Color = media.Color{}.Or(media.Color{Primaries: v.ColourPrimaries, Transfer: v.TransferCharacteristics, Matrix: v.MatrixCoefficients})
		}
		return t, nil
	case *codecs.MPEG4Audio:
		extra, err := c.Config.Marshal()
		if err != nil {
			return media.Track{}, fmt.Errorf("cmaf: the sound's configuration: %w", err)
		}
		return media.Track{Kind: media.Audio, Codec: media.AAC, Extradata: extra, SampleRate: c.Config.SampleRate, Channels: int(c.Config.ChannelConfig)}, nil
	}
	return media.Track{}, fmt.Errorf("%w: a track of %T", errData, c)
}
