package rtc

import (
	"bytes"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"

	"livedub/media"
)

// TestPackAndSplit cuts encoded frames to RTP payloads of several sizes and
// puts them together again, by our reader and by pion's.
func TestPackAndSplit(t *testing.T) {
	m := newClip(t, media.H264, 6, 3)
	for _, size := range []int{60, 300, mtu} {
		for i, p := range m.video {
			payloads := packH264(p.Data, size)
			var theirs []byte
			reader := &codecs.H264Packet{}
			for _, b := range payloads {
				if len(b) > size {
					t.Fatalf("payload of %d bytes, at most %d", len(b), size)
				}
				d, err := reader.Unmarshal(b)
				must(t, err)
				theirs = append(theirs, d...)
			}
			s := newH264Stream("")
			ours, key, err := s.frame(payloads)
			must(t, err)
			if !sameUnits(media.H264, ours, p.Data) || !sameUnits(media.H264, theirs, p.Data) || key != p.Key {
				t.Fatalf("frame %d at %d bytes: key %v, want %v", i, size, key, p.Key)
			}
			if size == mtu && p.Key && payloads[0][0]&nalTypeMask != nalSTAPA {
				t.Error("parameter sets are not aggregated")
			}
			// A lost beginning or end is noticed without sequence numbers too.
			for _, drop := range []int{0, len(payloads) - 1} {
				if drop > 0 && payloads[drop][0]&nalTypeMask != nalFUA {
					continue
				}
				rest := slices.Delete(slices.Clone(payloads), drop, drop+1)
				if got, key, err := newH264Stream("").frame(rest); err == nil && key && len(got) > 0 {
					t.Fatalf("frame %d at %d bytes passes for a keyframe without payload %d of %d", i, size, drop, len(payloads))
				}
			}
		}
	}
	v := newClip(t, media.VP8, 6, 3)
	for i, p := range v.video {
		payloads := packVP8(p.Data, 300, uint16(i)|0x4000)
		var theirs []byte
		for _, b := range payloads {
			reader := &codecs.VP8Packet{}
			d, err := reader.Unmarshal(b)
			must(t, err)
			theirs = append(theirs, d...)
			if reader.PictureID != uint16(i)|0x4000 {
				t.Errorf("frame id %d", reader.PictureID)
			}
		}
		ours, key, err := vp8Frame(payloads)
		must(t, err)
		if !bytes.Equal(ours, p.Data) || !bytes.Equal(theirs, p.Data) || key != p.Key {
			t.Fatalf("VP8 frame %d differs", i)
		}
		if _, _, err := vp8Frame(payloads[1:]); err == nil && len(payloads) > 1 {
			t.Error("a frame without its beginning went unnoticed")
		}
	}
}

// TestParameterSetsArePrepended: an IDR without SPS and PPS gets the last known,
// or those of the SDP, and without any it is no keyframe.
func TestParameterSetsArePrepended(t *testing.T) {
	m := newClip(t, media.H264, 4, 2)
	nals := annexB(m.video[0].Data)
	var sps, pps []byte
	var bare [][]byte
	for _, n := range nals {
		switch n[0] & nalTypeMask {
		case nalSPS:
			sps = n
		case nalPPS:
			pps = n
		case nalIDR:
			bare = append(bare, n)
		}
	}
	if sps == nil || pps == nil || len(bare) == 0 {
		t.Fatal("the encoder's keyframe lacks its parts")
	}
	if _, key, err := newH264Stream("").frame(bare); err != nil || key {
		t.Errorf("without parameter sets: key %v, %v", key, err)
	}
	fmtp := "packetization-mode=1; sprop-parameter-sets=" + base64.StdEncoding.EncodeToString(sps) + "," + base64.StdEncoding.EncodeToString(pps)
	data, key, err := newH264Stream(fmtp).frame(bare)
	if want := slices.Concat([][]byte{sps, pps}, bare); err != nil || !key || !slices.EqualFunc(annexB(data), want, bytes.Equal) {
		t.Errorf("from the SDP: key %v, %v", key, err)
	}
	s := newH264Stream("")
	if data, _, err := s.frame([][]byte{sps, pps}); data != nil || err != nil {
		t.Errorf("parameter sets alone: %d bytes, %v", len(data), err)
	}
	if data, key, _ := s.frame(bare); !key || len(annexB(data)) != 2+len(bare) {
		t.Error("parameter sets from a packet before were not prepended")
	}
}

func TestOpusDuration(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   time.Duration
	}{
		{nil, 0}, {[]byte{0x78}, 20 * time.Millisecond}, {[]byte{0x08, 1}, 20 * time.Millisecond}, {[]byte{0x18, 1}, 60 * time.Millisecond},
		{[]byte{0x80, 1}, 2500 * time.Microsecond}, {[]byte{0x79, 1, 2}, 40 * time.Millisecond}, {[]byte{0x7b, 3, 1}, 60 * time.Millisecond},
		{[]byte{0x7b}, 0}, {[]byte{0x7b, 63}, 0}, {[]byte{0x7b, 0}, 0},
	} {
		if got := opusDuration(c.packet); got != c.want {
			t.Errorf("%x lasts %v, want %v", c.packet, got, c.want)
		}
	}
}

func FuzzH264(f *testing.F) {
	f.Add([]byte{2, nalSPS, 1, 2, nalPPS, 1, 3, nalIDR, 0x80, 1})
	f.Add([]byte{6, nalSTAPA, 0, 2, 7, 1, 9, 4, nalFUA, 0x85, 0x80, 1, 3, nalFUA, 0x45, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newH264Stream("sprop-parameter-sets=" + string(b))
		if data, _, err := s.frame(split(b)); err == nil {
			// What was assembled can be cut and assembled again.
			if again, _, err := newH264Stream("").frame(packH264(data, 100)); err != nil && len(annexB(data)) > 0 && len(again) > 0 {
				t.Error(err)
			}
		}
		packH264(b, 20)
	})
}

func FuzzVP8(f *testing.F) {
	f.Add([]byte{5, 0x90, 0x80, 1, 0, 1, 3, 0x80, 0xf0, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if data, _, err := vp8Frame(split(b)); err == nil && len(data) > 0 {
			again, _, err := vp8Frame(packVP8(data, 50, 7))
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("%x comes back as %x: %v", data, again, err)
			}
		}
		opusDuration(b)
	})
}

// split reads length-prefixed payloads.
func split(b []byte) (out [][]byte) {
	for len(b) > 0 {
		n := min(int(b[0]), len(b)-1)
		out = append(out, b[1:1+n])
		b = b[1+n:]
	}
	return out
}
