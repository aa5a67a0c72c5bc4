package cmaf_test

import (
	"bytes"
	"testing"
	"time"

	"livedub/media"
	"livedub/media/cmaf"
)

const (
	segment = 2 * time.Second
	part    = 400 * time.Millisecond
)

// parts is what a muxer of parts has told.
type parts struct {
	inits []cmaf.Init
	parts []cmaf.Part
}

// muxParts makes parts of one track.
func muxParts(t testing.TB, track media.Track, packets []media.Packet) *parts {
	t.Helper()
	out := &parts{}
	m, err := cmaf.NewParts(cmaf.PartsConfig{
		Segment: segment, Part: part,
		Init: func(i cmaf.Init) error { out.inits = append(out.inits, i); return nil },
		Made: func(p cmaf.Part) error { out.parts = append(out.parts, p); return nil },
	}, track)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if p.Kind != track.Kind {
			continue
		}
		if err := m.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// whole returns the parts of one segment one behind the other.
func (p *parts) whole(n int64) (data []byte, parts int) {
	for _, x := range p.parts {
		if x.N == n {
			data, parts = append(data, x.Data...), parts+1
		}
	}
	return data, parts
}

// TestParts: they lie on the grid from the first whole segment on, and the parts of a
// segment, one behind the other, hold what is presented in its time.
func TestParts(t *testing.T) {
	p := newProgram(t, seconds(5.4), seconds(12))
	for _, track := range p.tracks {
		got := muxParts(t, track, p.packets)
		if len(got.inits) != 1 || got.parts[0].N != 3 || got.parts[0].I != 0 {
			t.Fatalf("%s: %d inits; it begins with part %d of segment %d", track.Kind, len(got.inits), got.parts[0].I, got.parts[0].N)
		}
		r, err := cmaf.NewReader(got.inits[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range got.parts {
			if x.N != int64(3+i/5) || x.I != i%5 || x.Key != (track.Kind == media.Audio || x.I == 0) {
				t.Errorf("%s: part %d is %d of segment %d, key %v", track.Kind, i, x.I, x.N, x.Key)
			}
		}
		var last media.Packet
		for n := int64(3); n < 6; n++ {
			data, parts := got.whole(n)
			packets, err := r.Packets(data)
			if err != nil || parts != 5 {
				t.Fatalf("%s: segment %d: %d parts, %v", track.Kind, n, parts, err)
			}
			from := time.Duration(n) * segment
			if first := packets[0].PTS; first < from-time.Microsecond*10 || first > from+seconds(.022) {
				t.Errorf("%s: segment %d begins at %v", track.Kind, n, first)
			}
			for _, q := range packets {
				if last.Duration > 0 && (q.PTS-last.PTS-last.Duration).Abs() > 20*time.Microsecond {
					t.Errorf("%s: from %v for %v to %v", track.Kind, last.PTS, last.Duration, q.PTS)
				}
				last = q
			}
		}
		if init := mux(t, []media.Track{track}, p.packets[:0]); len(init.inits) > 0 {
			t.Error("an initialization section of nothing")
		}
	}
}

// TestPartsBehindAGap: they go on with the next whole segment.
func TestPartsBehindAGap(t *testing.T) {
	p := newProgram(t, seconds(2), seconds(11))
	for _, track := range p.tracks {
		var packets []media.Packet
		gap := false
		for _, q := range p.packets {
			if q.PTS > seconds(3) && q.PTS < seconds(6.5) {
				gap = true
				continue
			}
			if q.Kind == track.Kind && gap {
				q.Gap, gap = true, false
			}
			packets = append(packets, q)
		}
		got := muxParts(t, track, packets)
		var of []int64
		for _, x := range got.parts {
			if len(of) == 0 || of[len(of)-1] != x.N {
				of = append(of, x.N)
			}
		}
		if len(of) != 3 || of[0] != 1 || of[1] != 4 {
			t.Errorf("%s: parts of segments %v, want 1, 4 and 5", track.Kind, of)
		}
		if _, parts := got.whole(1); parts != 3 {
			t.Errorf("%s: %d parts before the gap", track.Kind, parts)
		}
	}
}

// TestPartsRefuse: what cannot be read costs itself.
func TestPartsRefuse(t *testing.T) {
	if _, err := cmaf.NewParts(cmaf.PartsConfig{Segment: segment, Part: part}, media.Track{Kind: media.Audio, Codec: media.Opus}); err == nil {
		t.Error("a track of opus")
	}
	if _, err := cmaf.NewParts(cmaf.PartsConfig{Segment: segment, Part: part}, media.Track{Kind: media.Video, Codec: media.H264, Extradata: []byte{1, 2, 3}}); err == nil {
		t.Error("a broken configuration")
	}
	p := newProgram(t, 0, seconds(6))
	broken := bytes.Repeat([]byte{0, 0, 0, 1, 0x65}, 2)
	var packets []media.Packet
	for i, q := range p.packets {
		packets = append(packets, q)
		if i == 20 {
			packets = append(packets, media.Packet{Kind: q.Kind, PTS: -time.Second, DTS: -time.Second, Data: broken}, q)
		}
	}
	for _, track := range p.tracks {
		got := muxParts(t, track, packets)
		if len(got.parts) < 11 {
			t.Errorf("%s: %d parts", track.Kind, len(got.parts))
		}
	}
}
