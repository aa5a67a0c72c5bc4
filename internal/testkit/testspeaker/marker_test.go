package testspeaker

import (
	"testing"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

// through returns pcm after coding, on its own clock.
func through(t *testing.T, c media.Codec, bitrate int, pcm media.Samples) media.Samples {
	t.Helper()
	enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: c, Channels: pcm.Channels, Bitrate: bitrate})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	packets, err := enc.Encode(pcm)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := enc.Flush()
	if err != nil {
		t.Fatal(err)
	}
	dec, err := codec.NewAudioDecoder(enc.Track())
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	var out media.Samples
	for _, p := range append(packets, rest...) {
		decoded, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range decoded {
			out = join(out, s)
		}
	}
	return out
}

func TestMarkersAreFoundAfterCoding(t *testing.T) {
	quiet := media.Samples{Rate: Rate, Channels: 1, Data: make([]int16, 6*Rate)}
	talk := speechOf(t)
	talk.Data = talk.Data[:6*Rate]
	ducked := append([]int16(nil), talk.Data...) // a dub over the original at -16.5 dB, marker and all
	for _, c := range []struct {
		name    string
		codec   media.Codec
		bitrate int
		pcm     media.Samples
		gain    float64 // of the marker
	}{
		{"silence, opus", media.Opus, 32000, quiet, 1},
		{"silence, aac", media.AAC, 64000, quiet, 1},
		{"speech, opus", media.Opus, 32000, talk, 1},
		{"speech, opus at 24 kbit/s", media.Opus, 24000, talk, 1},
		{"speech, aac", media.AAC, 64000, talk, 1},
		{"ducked under speech, opus", media.Opus, 32000, media.Samples{Rate: Rate, Channels: 1, Data: ducked}, .15},
	} {
		t.Run(c.name, func(t *testing.T) {
			pcm := c.pcm
			pcm.PTS = 1234567 * time.Microsecond
			want := []time.Duration{1500 * time.Millisecond, 2500*time.Millisecond + 7*time.Microsecond, 3600123 * time.Microsecond,
				4700 * time.Millisecond, 5800 * time.Millisecond, 6800 * time.Millisecond}
			marks := media.Samples{PTS: pcm.PTS, Rate: Rate, Channels: 1, Data: make([]int16, len(pcm.Data))}
			for _, at := range want {
				Marker(marks, at)
			}
			mixed := append([]int16(nil), pcm.Data...)
			for i, v := range marks.Data {
				mixed[i] += int16(float64(v) * c.gain)
			}
			pcm.Data = mixed
			got, err := FindMarkers(through(t, c.codec, c.bitrate, pcm))
			if err != nil || len(got) != len(want) {
				t.Fatalf("found %v of %v: %v", got, want, err)
			}
			for i := range got {
				if d := (got[i] - want[i]).Abs(); d > time.Millisecond {
					t.Errorf("marker at %v found %v off", want[i], d)
				}
			}
		})
	}
}

func TestSpeechIsNoMarker(t *testing.T) {
	s := speechOf(t)
	got, err := FindMarkers(s)
	if err != nil || len(got) > 0 {
		t.Errorf("markers in speech at %v, %v", got, err)
	}
	if got, err := FindMarkers(media.Samples{Rate: Rate, Channels: 1, Data: make([]int16, Rate)}); err != nil || len(got) > 0 {
		t.Errorf("markers in silence at %v, %v", got, err)
	}
	if got, err := FindMarkers(media.Samples{Rate: Rate, Channels: 1, Data: make([]int16, 100)}); err != nil || len(got) > 0 {
		t.Errorf("markers in a click at %v, %v", got, err)
	}
}

func TestMarkersAtOtherRates(t *testing.T) {
	for _, rate := range []int{16000, 44100} {
		s := media.Samples{PTS: -time.Second, Rate: rate, Channels: 2, Data: make([]int16, 4*rate)}
		want := -300 * time.Millisecond
		Marker(s, want)
		Marker(s, -2*time.Second) // outside
		Marker(s, time.Hour)
		got, err := FindMarkers(s)
		if err != nil || len(got) != 1 || (got[0]-want).Abs() > 200*time.Microsecond {
			t.Errorf("%d Hz: found %v, %v, want %v", rate, got, err, want)
		}
	}
}

func BenchmarkFindMarkers(b *testing.B) { // in 10 s
	s := speechOf(b)
	s.Data = s.Data[:10*Rate]
	for b.Loop() {
		if _, err := FindMarkers(s); err != nil {
			b.Fatal(err)
		}
	}
}
