package cmaf_test

import (
	"testing"

	"livedub/media"
	"livedub/media/cmaf"
)

// FuzzReader: whatever lies on a disk, reading it ends, and what it gives is a stream.
func FuzzReader(f *testing.F) {
	p := newProgram(f, seconds(7), seconds(9))
	got := mux(f, p.tracks, p.packets)
	for _, s := range got.segments {
		f.Add(got.inits[0].Data, s.Data)
		f.Add(got.inits[0].Data, s.Data[:len(s.Data)/2])
	}
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, init, segment []byte) {
		r, err := cmaf.NewReader(init)
		if err != nil {
			return
		}
		packets, err := r.Packets(segment)
		if err != nil {
			return
		}
		for i, p := range packets {
			if i > 0 && p.DTS < packets[i-1].DTS {
				t.Errorf("packet %d at %v after %v", i, p.DTS, packets[i-1].DTS)
			}
			if media.FindTrack(r.Tracks(), p.Kind) == nil {
				t.Errorf("%v was not announced", p.Kind)
			}
		}
	})
}

// FuzzMuxer: whatever comes, it is refused or in segments in order, each once.
func FuzzMuxer(f *testing.F) {
	f.Add([]byte{1, 40, 0, 2, 21, 0, 129, 40, 1})
	p := newProgram(f, seconds(0), seconds(.1))
	f.Fuzz(func(t *testing.T, script []byte) {
		got := &made{}
		m := got.muxer()
		if err := m.Start(p.tracks); err != nil {
			t.Fatal(err)
		}
		var at [2]int
		written := 0
		for ; len(script) >= 3 && written < 2000; script = script[3:] {
			k := script[0] & 1
			at[k] += int(script[1]) * 5 << (script[0] >> 1 & 7)
			q := media.Packet{Kind: media.Audio, Key: true, Data: []byte{1, 2}}
			if k == 1 {
				q.Kind, q.Key, q.Data = media.Video, script[2]&1 == 1, []byte{0, 0, 1, 0x65, script[2]}
			}
			q.Gap = script[2]&2 != 0
			q.PTS = seconds(float64(at[k]) / 1000)
			q.DTS = q.PTS
			if err := m.Write(q); err != nil {
				t.Fatal(err)
			}
			written++
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		read := 0
		for i, s := range got.segments {
			if i > 0 && s.N <= got.segments[i-1].N {
				t.Errorf("segment %d after %d", s.N, got.segments[i-1].N)
			}
			if s.Duration < 0 || s.Whole && s.Duration < length-length/100 {
				t.Errorf("segment %d lasts %v, whole %v", s.N, s.Duration, s.Whole)
			}
			r, err := cmaf.NewReader(got.inits[got.of[i]].Data)
			if err != nil {
				t.Fatal(err)
			}
			packets, err := r.Packets(s.Data)
			if err != nil {
				t.Fatal(err)
			}
			read += len(packets)
		}
		if read > written {
			t.Errorf("%d packets of %d", read, written)
		}
	})
}
