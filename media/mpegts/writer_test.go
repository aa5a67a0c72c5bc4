package mpegts

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"livedub/media"
)

var (
	picture = media.Track{Kind: media.Video, Codec: media.H264}
	sound   = media.Track{Kind: media.Audio, Codec: media.AAC, Extradata: []byte{0x11, 0x88}, SampleRate: 48000, Channels: 1}
)

// TestWriter has another's reader find tracks, languages, times and contents, and no write
// to be more than fits into a datagram.
func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(writes(func(b []byte) (int, error) {
		if len(b) > Message || len(b)%packetSize != 0 {
			t.Errorf("a write of %d bytes", len(b))
		}
		return out.Write(b)
	}), []Track{{Track: picture}, {Track: sound, Lang: "es"}, {Track: sound, Lang: "ca"}})
	if err != nil {
		t.Fatal(err)
	}
	key := append([]byte("\x00\x00\x00\x01\x67\x42\xc0\x1e\x00\x00\x00\x01\x68\xce\x00\x00\x00\x01\x65"), bytes.Repeat([]byte{7}, 5000)...)
	// Days later the clock of 33 bits has wrapped.
	const late = 40 * time.Hour
	for i, at := range []time.Duration{0, 40 * time.Millisecond, late} {
		for track, data := range [][]byte{key, {1, byte(i)}, {2, byte(i)}} {
			if err := w.Write(track, media.Packet{PTS: at, DTS: at, Data: data}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := &mpegts.Reader{R: bytes.NewReader(out.Bytes())}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	var langs []string
	times := map[int][]int64{}
	for i, tr := range r.Tracks() {
		switch c := tr.Codec.(type) {
		case *codecs.H264:
			r.OnDataH264(tr, func(pts, _ int64, _ [][]byte) error { times[i] = append(times[i], pts); return nil })
		case *codecs.MPEG4Audio:
			langs = append(langs, tr.Language)
			r.OnDataMPEG4Audio(tr, func(pts int64, units [][]byte) error {
				times[i] = append(times[i], pts)
				if n := byte(len(times[i]) - 1); len(units) != 1 || !bytes.Equal(units[0], []byte{byte(i), n}) {
					t.Errorf("track %d: %x", i, units)
				}
				return nil
			})
			if c.SampleRate != 48000 {
				t.Errorf("%+v", c)
			}
		}
	}
	for err == nil {
		err = r.Read()
	}
	if strings.Join(langs, " ") != "spa cat" || len(r.Tracks()) != 3 {
		t.Errorf("sounds of %q", langs)
	}
	wrapped := (int64((lead+late)/time.Second) * Rate) & (1<<33 - 1)
	for i := range 3 {
		got := times[i]
		if len(got) < 2 || got[0] != Rate || got[1] != Rate+Rate/25 || len(got) == 3 && got[2] != wrapped {
			t.Errorf("track %d: times %v", i, got)
		}
	}
}

type writes func([]byte) (int, error)

func (w writes) Write(b []byte) (int, error) { return w(b) }

// TestWriterRefuses: what a transport stream of ours has not is an error, and no panic.
func TestWriterRefuses(t *testing.T) {
	for name, tracks := range map[string][]Track{
		"another codec":  {{Track: media.Track{Kind: media.Video, Codec: media.VP8}}},
		"an unset sound": {{Track: media.Track{Kind: media.Audio, Codec: media.AAC}}},
	} {
		if _, err := NewWriter(&bytes.Buffer{}, tracks); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	gone := errors.New("gone")
	w, err := NewWriter(writes(func([]byte) (int, error) { return 0, gone }), []Track{{Track: picture}, {Track: sound}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		track int
		data  []byte
		want  error
	}{
		"a frame that is none": {0, []byte{1, 2, 3}, nil}, "too long a sound": {1, make([]byte, mostADTS+1), errLong}, "nobody there": {1, []byte{1}, gone},
	} {
		if err := w.Write(c.track, media.Packet{Data: c.data}); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Write(0, media.Packet{}); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

func TestLang(t *testing.T) {
	for lang, want := range map[string]string{"": "", "es": "spa", "ca": "cat", "en-GB": "eng", "ko": "kor", "auto": "und", "x y": "und"} {
		if got := Lang(lang); got != want {
			t.Errorf("%q: %q, want %q", lang, got, want)
		}
	}
}
