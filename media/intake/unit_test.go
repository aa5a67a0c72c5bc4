package intake

import (
	"bytes"
	"errors"
	"testing"

	"livedub/media"
)

var (
	sps   = []byte{0x67, 0x42, 0xc0, 0x1e}
	pps   = []byte{0x68, 0xce, 0x3c, 0x80}
	idr   = []byte{0x65, 0x88, 0x84}
	slice = []byte{0x41, 0x9a}
	hevc  = []byte{19 << 1, 1, 0xaf} // IDR_W_RADL
	vps   = []byte{32 << 1, 1, 0x0c}
)

func annexB(nals ...[]byte) (out []byte) {
	for _, n := range nals {
		out = append(append(out, 0, 0, 0, 1), n...)
	}
	return out
}

// TestFrame: keyframes are known, and get the parameter sets that they lack.
func TestFrame(t *testing.T) {
	for name, c := range map[string]struct {
		codec media.Codec
		nals  [][]byte
		p     Params
		said  bool
		want  []byte
		key   bool
	}{
		"a frame":                  {media.H264, [][]byte{slice}, Params{sps, pps}, false, annexB(slice), false},
		"a keyframe":               {media.H264, [][]byte{idr}, Params{sps, pps}, false, annexB(sps, pps, idr), true},
		"one with its own":         {media.H264, [][]byte{sps, pps, idr}, Params{pps}, false, annexB(sps, pps, idr), true},
		"its container says so":    {media.H264, [][]byte{slice}, Params{sps}, true, annexB(sps, slice), true},
		"with none known":          {media.H264, [][]byte{{}, idr}, nil, false, annexB(idr), true},
		"HEVC":                     {media.HEVC, [][]byte{hevc}, Params{vps}, false, annexB(vps, hevc), true},
		"HEVC, no keyframe at all": {media.HEVC, [][]byte{{2, 1, 0xd0}}, Params{vps}, false, annexB([]byte{2, 1, 0xd0}), false},
	} {
		if got, key, err := Frame(c.codec, c.nals, c.p, c.said); err != nil || key != c.key || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, %v, %v", name, got, key, err)
		}
	}
	for _, nals := range [][][]byte{nil, {{}}, {{}, {}}} {
		if _, _, err := Frame(media.H264, nals, nil, true); !errors.Is(err, errEmpty) {
			t.Errorf("%x: %v", nals, err)
		}
	}
	if p := ParamsOf(media.H264, [][]byte{nil, sps, slice, pps}); len(p) != 2 {
		t.Errorf("%x", p)
	}
}

func TestAVCC(t *testing.T) {
	if got, err := AVCC([]byte{0, 0, 0, 1, 9, 0, 0, 0, 2, 7, 8}); err != nil || len(got) != 2 || !bytes.Equal(got[1], []byte{7, 8}) {
		t.Errorf("%x, %v", got, err)
	}
	for _, bad := range [][]byte{{0, 0, 0, 9, 1}, {0xff, 0xff, 0xff, 0xff, 1}, {0, 0}} {
		if got, err := AVCC(bad); err == nil {
			t.Errorf("%x is taken for %x", bad, got)
		}
	}
	if _, err := AVCC(nil); err == nil {
		t.Error("nothing is taken for units")
	}
}

func TestAV1(t *testing.T) {
	const sized = 2
	header := []byte{1<<3 | sized, 2, 0xaa, 0xbb}
	key, frame := []byte{6<<3 | sized, 1, 0x10}, []byte{6<<3 | sized, 1, 0x30}
	for name, c := range map[string]struct {
		unit, want []byte
		key        bool
	}{
		"a frame":                 {frame, frame, false},
		"a keyframe":              {key, append(bytes.Clone(header), key...), true},
		"one with its own header": {append(bytes.Clone(header), key...), append(bytes.Clone(header), key...), true},
	} {
		if got, is, err := AV1Frame(c.unit, header); err != nil || is != c.key || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, %v, %v", name, got, is, err)
		}
	}
	for _, bad := range [][]byte{nil, {6<<3 | sized, 9, 1}, {6<<3 | sized}} {
		if got, _, err := AV1Frame(bad, header); err == nil {
			t.Errorf("%x is taken for %x", bad, got)
		}
	}
}

// FuzzUnits: whatever a container holds is read without harm, and only grows by what it lacks.
func FuzzUnits(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x65, 0, 0, 0, 1, 0x67}, []byte{10, 0, 1})
	f.Add([]byte{6<<3 | 2, 1, 0x10, 0x0e, 0xff}, []byte{})
	f.Fuzz(func(t *testing.T, data, config []byte) {
		if got, _, err := AV1Frame(data, config); err == nil && len(got) > len(data)+len(config) {
			t.Fatalf("%d bytes of %d", len(got), len(data))
		}
		VP9Key(data)
		nals, err := AVCC(data)
		if err != nil {
			return
		}
		for _, c := range []media.Codec{media.H264, media.HEVC} {
			got, key, err := Frame(c, nals, ParamsOf(c, [][]byte{config}), false)
			if err == nil && (len(got) == 0 || len(got) > 4*len(nals)+len(data)+len(config)+4) {
				t.Fatalf("%d bytes, key %v, of %d", len(got), key, len(data))
			}
		}
	})
}
