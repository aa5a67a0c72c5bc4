package codec

import (
	"math"
	"testing"

	"livedub/media"
)

// TestStretch: sound lasts as long as asked for, and its tone stays.
func TestStretch(t *testing.T) {
	const rate, hz = 24000, 300
	in := media.Samples{Rate: rate, Channels: 1, Data: make([]int16, 2*rate)}
	for i := range in.Data {
		in.Data[i] = int16(9000 * math.Sin(2*math.Pi*hz*float64(i)/rate))
	}
	for _, tempo := range []float64{.5, .9, 1, 1.1, 1.35, 2} {
		out, err := Stretch(in, tempo)
		if err != nil {
			t.Fatal(err)
		}
		if want := int(math.Round(2 * rate / tempo)); len(out.Data) != want || out.Rate != rate {
			t.Errorf("tempo %v: %d samples at %d Hz, want %d", tempo, len(out.Data), out.Rate, want)
		}
		crossings, quiet := 0, 0
		for i := range out.Data[1:] {
			if (out.Data[i] < 0) != (out.Data[i+1] < 0) {
				crossings++
			}
		}
		for _, v := range out.Data[len(out.Data)-rate/50:] {
			if v == 0 {
				quiet++
			}
		}
		if got := float64(crossings) / 2 / (2 / tempo); math.Abs(got/hz-1) > .02 {
			t.Errorf("tempo %v: a tone of %.0f Hz", tempo, got)
		}
		if quiet > rate/100 {
			t.Errorf("tempo %v: the end is missing: %d samples of the last 20 ms are silent", tempo, quiet)
		}
	}
	for _, s := range []media.Samples{{}, {Rate: rate, Channels: 2, Data: in.Data}, {Channels: 1, Data: in.Data}} {
		if _, err := Stretch(s, 1.1); err == nil {
			t.Errorf("%d Hz, %d channels: stretched", s.Rate, s.Channels)
		}
	}
	for _, tempo := range []float64{0, -1, .49, 2.01, math.NaN(), math.Inf(1)} {
		if _, err := Stretch(in, tempo); err == nil {
			t.Errorf("tempo %v was taken", tempo)
		}
	}
	if one, err := Stretch(media.Samples{Rate: rate, Channels: 1, Data: []int16{5}}, 1.2); err != nil || len(one.Data) != 1 {
		t.Errorf("one sample: %v, %v", one.Data, err)
	}
}
