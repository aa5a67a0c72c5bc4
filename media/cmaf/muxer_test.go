package cmaf_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"livedub/media"
	"livedub/media/cmaf"
	"livedub/media/codec"
)

// made is what a muxer has told.
type made struct {
	inits    []cmaf.Init
	segments []cmaf.Segment
	of       []int // the init of each segment
}

func (m *made) muxer() *cmaf.Muxer {
	return cmaf.New(cmaf.Config{
		Segment: length,
		Init:    func(i cmaf.Init) error { m.inits = append(m.inits, i); return nil },
		Closed: func(s cmaf.Segment) error {
			m.segments = append(m.segments, s)
			m.of = append(m.of, len(m.inits)-1)
			return nil
		},
	})
}

// mux makes segments of packets.
func mux(t testing.TB, tracks []media.Track, packets []media.Packet) *made {
	t.Helper()
	out := &made{}
	m := out.muxer()
	if err := m.Start(tracks); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := m.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// read returns all packets of a kind that are in segments.
func read(t testing.TB, init cmaf.Init, k media.Kind, segments ...cmaf.Segment) (out []media.Packet) {
	t.Helper()
	r, err := cmaf.NewReader(init.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		packets, err := r.Packets(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, slices.DeleteFunc(packets, func(p media.Packet) bool { return p.Kind != k })...)
	}
	return out
}

// TestSegments: they lie on the grid, have their times, and together hold every packet.
func TestSegments(t *testing.T) {
	p := newProgram(t, seconds(5.4), seconds(18.2))
	got := mux(t, p.tracks, p.packets)
	if len(got.inits) != 1 || len(got.segments) != 4 {
		t.Fatalf("%d inits and %d segments", len(got.inits), len(got.segments))
	}
	in := got.inits[0]
	if in.Codecs != "avc1.42c00c,mp4a.40.2" || in.Width != w || in.Height != h {
		t.Errorf("%s of %dx%d", in.Codecs, in.Width, in.Height)
	}
	if v := media.FindTrack(in.Tracks, media.Video); v == nil || !bytes.Equal(v.Extradata, p.tracks[0].Extradata) {
		t.Errorf("frames as %+v", v)
	}
	if a := media.FindTrack(in.Tracks, media.Audio); a == nil || a.SampleRate != 48000 || a.Channels != 1 {
		t.Errorf("sound as %+v", a)
	}
	for i, s := range got.segments {
		if s.N != int64(i+1) {
			t.Errorf("segment %d has place %d", i, s.N)
		}
		from := max(time.Duration(s.N)*length, seconds(5.4))
		until := min(time.Duration(s.N+1)*length, seconds(18.2))
		if s.At < from || s.At > from+seconds(.022) || (s.At+s.Duration-until).Abs() > seconds(.03) || s.Whole != (i == 1 || i == 2) {
			t.Errorf("segment %d: at %v for %v, whole %v", s.N, s.At, s.Duration, s.Whole)
		}
		if s.Whole && (s.At != from || s.Duration != length) {
			t.Errorf("segment %d: at %v for %v", s.N, s.At, s.Duration)
		}
		v := read(t, in, media.Video, s)
		if !v[0].Key || v[0].PTS != from {
			t.Errorf("segment %d begins at %v, key %v", s.N, v[0].PTS, v[0].Key)
		}
	}
	for _, k := range []media.Kind{media.Video, media.Audio} {
		want := slices.DeleteFunc(slices.Clone(p.packets), func(q media.Packet) bool {
			return q.Kind != k || q.SkipStart == 1024
		})
		have := read(t, in, k, got.segments...)
		if len(have) != len(want) {
			t.Fatalf("%v: %d packets of %d", k, len(have), len(want))
		}
		for i, q := range have {
			if (q.PTS-want[i].PTS).Abs() > 10*time.Microsecond || q.Key != want[i].Key {
				t.Fatalf("%v: packet %d at %v, key %v, want %v, %v", k, i, q.PTS, q.Key, want[i].PTS, want[i].Key)
			}
			if k == media.Audio && !bytes.Equal(q.Data, want[i].Data) {
				t.Fatalf("sound at %v is other", q.PTS)
			}
		}
	}
	decodes(t, in, got.segments)
}

// decodes checks that all frames decode, with nothing but what the reader tells.
func decodes(t *testing.T, in cmaf.Init, segments []cmaf.Segment) {
	t.Helper()
	d, err := codec.NewVideoDecoder(*media.FindTrack(in.Tracks, media.Video))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n := 0
	packets := read(t, in, media.Video, segments...)
	for _, p := range packets {
		frames, err := d.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			n++
			f.Release()
		}
	}
	if n != len(packets) {
		t.Errorf("%d of %d frames decode", n, len(packets))
	}
}

// TestGap: a pause ends a segment; within one there are two fragments.
func TestGap(t *testing.T) {
	for _, away := range []struct {
		to    float64
		where []int64
		whole []bool
	}{
		{7.32, []int64{1, 2}, []bool{false, true}},
		{21.32, []int64{1, 5, 6}, []bool{false, false, true}},
	} {
		before := newProgram(t, seconds(4), seconds(5.6))
		to := seconds(away.to)
		after := newProgram(t, to, (to/length+2)*length)
		for _, k := range []media.Kind{media.Video, media.Audio} {
			i := slices.IndexFunc(after.packets, func(p media.Packet) bool { return p.Kind == k })
			after.packets[i].Gap = true
		}
		got := mux(t, before.tracks, append(before.packets, after.packets...))
		if len(got.inits) != 1 {
			t.Errorf("%d inits", len(got.inits))
		}
		var where []int64
		for i, s := range got.segments {
			where = append(where, s.N)
			if s.Whole && i < len(away.whole)-1 {
				t.Errorf("segment %d is whole", s.N)
			}
		}
		if !slices.Equal(where, away.where) {
			t.Errorf("segments %v, want %v", where, away.where)
		}
		for _, k := range []media.Kind{media.Video, media.Audio} {
			var last media.Packet
			jumps := 0
			for i, p := range read(t, got.inits[0], k, got.segments...) {
				if end := last.PTS + last.Duration; i > 0 && p.PTS > end+time.Millisecond {
					jumps++
					if p.PTS < to-time.Millisecond || end > seconds(5.65) {
						t.Errorf("%v: from %v to %v", k, end, p.PTS)
					}
				}
				last = p
			}
			if jumps != 1 {
				t.Errorf("%v: %d gaps", k, jumps)
			}
		}
	}
}

// TestParameterSets: others begin another init, also within a segment.
func TestParameterSets(t *testing.T) {
	a := newProgram(t, seconds(4), seconds(9))
	b := newProgram(t, seconds(9), seconds(13))
	d, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: media.H264, Width: 96, Height: 160, FrameRate: fps, Bitrate: 300_000})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for i, p := range b.packets {
		if p.Kind != media.Video {
			continue
		}
		f := media.NewFrame(96, 160)
		clear(f.Y)
		f.PTS = p.PTS
		if b.packets[i], err = d.Encode(f, p.Key); err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	b.packets = slices.DeleteFunc(b.packets, func(p media.Packet) bool { return p.SkipStart > 0 })
	got := mux(t, a.tracks, append(a.packets, b.packets...))
	if len(got.inits) != 2 || got.inits[0].Width != w || got.inits[1].Width != 96 {
		t.Fatalf("%d inits", len(got.inits))
	}
	var where []int64
	for _, s := range got.segments {
		where = append(where, s.N)
	}
	if !slices.Equal(where, []int64{1, 2, 2, 3}) || !slices.Equal(got.of, []int{0, 0, 1, 1}) {
		t.Errorf("segments %v of %v", where, got.of)
	}
	if s := got.segments[2]; s.At < seconds(8.97) || s.At > seconds(9.03) || s.Whole {
		t.Errorf("the rest begins at %v, whole %v", s.At, s.Whole)
	}
}

// TestTracks: with one alone, with one that comes late, and with one that stays away.
func TestTracks(t *testing.T) {
	p := newProgram(t, seconds(8), seconds(20))
	only := func(k media.Kind, from time.Duration) []media.Packet {
		return slices.DeleteFunc(slices.Clone(p.packets), func(q media.Packet) bool { return q.Kind == k && q.PTS < from })
	}
	for _, c := range []struct {
		name    string
		tracks  []media.Track
		packets []media.Packet
		codecs  []string
		whole   []bool
	}{
		{"frames", p.tracks[:1], only(media.Audio, math.MaxInt64), []string{"avc1.42c00c"}, []bool{true, true, false}},
		{"sound", p.tracks[1:], only(media.Video, math.MaxInt64), []string{"mp4a.40.2"}, []bool{true, true, true}},
		{"no frames", p.tracks, only(media.Video, math.MaxInt64), []string{"mp4a.40.2"}, []bool{false, false, false}},
		{"no sound", p.tracks, only(media.Audio, math.MaxInt64), []string{"avc1.42c00c,mp4a.40.2"}, []bool{false, false, false}},
		{"late frames", p.tracks, only(media.Video, seconds(14)), []string{"mp4a.40.2", "avc1.42c00c,mp4a.40.2"}, []bool{false, false, false}},
		{"late sound", p.tracks, only(media.Audio, seconds(10)), []string{"avc1.42c00c,mp4a.40.2"}, []bool{false, true, false}},
	} {
		got := mux(t, c.tracks, c.packets)
		var codecs []string
		var whole []bool
		for _, i := range got.inits {
			codecs = append(codecs, i.Codecs)
		}
		for i, s := range got.segments {
			whole = append(whole, s.Whole)
			if s.N != int64(2+i) {
				t.Errorf("%s: segment %d has place %d", c.name, i, s.N)
			}
		}
		if !slices.Equal(codecs, c.codecs) || !slices.Equal(whole, c.whole) {
			t.Errorf("%s: %v, whole %v", c.name, codecs, whole)
		}
	}
}

// TestAddTrack: a track may be announced when others are under way.
func TestAddTrack(t *testing.T) {
	p := newProgram(t, seconds(8), seconds(13))
	out := &made{}
	m := out.muxer()
	if err := m.Start(p.tracks[1:]); err != nil {
		t.Fatal(err)
	}
	added := false
	for _, q := range p.packets {
		if q.Kind == media.Video && !added {
			added = true
			if err := m.AddTrack(p.tracks[0]); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Write(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.AddTrack(p.tracks[0]); err == nil {
		t.Error("a track was taken twice")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if len(out.inits) != 1 || !out.segments[0].Whole {
		t.Errorf("%d inits, whole %v", len(out.inits), out.segments[0].Whole)
	}
	if err := m.Write(p.packets[0]); !errors.Is(err, cmaf.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestOddPackets: what cannot be in a segment is left out or refused, and costs nothing else.
func TestOddPackets(t *testing.T) {
	p := newProgram(t, seconds(8), seconds(13))
	m := (&made{}).muxer()
	if err := m.Start(p.tracks); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(media.Packet{Kind: media.Video, PTS: seconds(8), Key: true, Data: []byte("no start code")}); err == nil {
		t.Error("nonsense was taken")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	late := p.packets[10]
	packets := append([]media.Packet{{Kind: media.Audio, PTS: -1, DTS: -1, Data: []byte{1}}}, p.packets...)
	got := mux(t, p.tracks, append(packets, late))
	if len(got.segments) != 2 || !got.segments[0].Whole {
		t.Errorf("%d segments", len(got.segments))
	}
	for _, bad := range []media.Track{
		{Kind: media.Video, Codec: media.VP8}, {Kind: media.Audio, Codec: media.Opus},
		{Kind: media.Audio, Codec: media.AAC}, {Kind: media.Audio, Codec: media.AAC, Extradata: []byte{0x2b, 0x92}},
		{Kind: media.Video, Codec: media.H264, Extradata: []byte{1, 2, 3}}, {Kind: media.Video, Codec: media.H264, Extradata: []byte{2}},
	} {
		if err := (&made{}).muxer().Start([]media.Track{bad}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// TestCallbackFails: its error is Write's.
func TestCallbackFails(t *testing.T) {
	p := newProgram(t, seconds(8), seconds(13))
	full := errors.New("full")
	m := cmaf.New(cmaf.Config{Segment: length, Init: func(cmaf.Init) error { return nil }, Closed: func(cmaf.Segment) error { return full }})
	if err := m.Start(p.tracks); err != nil {
		t.Fatal(err)
	}
	var err error
	for _, q := range p.packets {
		if err = m.Write(q); err != nil {
			break
		}
	}
	if !errors.Is(err, full) {
		t.Errorf("Write: %v", err)
	}
	if err := m.Close(); !errors.Is(err, full) {
		t.Errorf("Close: %v", err)
	}
}
