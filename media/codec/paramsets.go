package codec

import "bytes"

// ParameterSets returns the SPS and PPS of an H.264 access unit in Annex B form,
// each behind a start code of four bytes; nil where it has none.
func ParameterSets(unit []byte) []byte {
	const sps, pps = 7, 8
	start := []byte{0, 0, 1}
	var out []byte
	for {
		i := bytes.Index(unit, start)
		if i < 0 {
			return out
		}
		unit = unit[i+len(start):]
		nal := unit
		if j := bytes.Index(unit, start); j >= 0 {
			nal = unit[:j]
		}
		nal = bytes.TrimRight(nal, "\x00") // of the next start code; a NAL unit ends in a one bit
		if len(nal) > 0 && (nal[0]&0x1f == sps || nal[0]&0x1f == pps) {
			out = append(append(out, 0, 0, 0, 1), nal...)
		}
	}
}
