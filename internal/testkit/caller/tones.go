package caller

import (
	"math"
	"time"

	"livedub/inference/fake"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
	"livedub/media/codec"
)

// Tones says one phrase a second, a tone that the fake recognizer takes for one and the
// fake voice dubs by another, all through a hum that tells sound from silence.
const (
	tonePeriod = time.Second
	toneStart  = 700 * time.Millisecond // of a phrase in its period
	toneEnd    = 1300 * time.Millisecond
	toneBefore = toneStart - 200*time.Millisecond // a dub that sounds later belongs to the phrase
	toneLength = 30 * time.Second                 // the last period has no phrase: it would not end in it
	toneRate   = 15                               // frames a second
	toneKeys   = 200 * time.Millisecond           // between keyframes, as a browser's speaker makes one when it is asked
	toneHz     = 300.
	tonePeak   = 9000.
	humHz      = 200.
	humPeak    = 120. // below what the fake recognizer hears

	dubTone   = fake.Tone
	dubSounds = 300 * time.Millisecond // of the tone in one dub: 4 vowels in 10 letters, spoken in 600 ms, in blocks of 20 ms
)

// spoken tells whether period i, counted over the loops, has a phrase.
func spoken(i int, m *Material) bool {
	each := int(m.Length / tonePeriod)
	return i%each != each-1
}

// Tones returns material for the fake engines: a grey picture with its bar code, and
// tones for phrases, in each of which a marker sounds at the whole second.
func Tones(width, height int) (*Material, error) {
	m := &Material{Length: toneLength, tones: true}
	if err := m.film(width, height); err != nil {
		return nil, err
	}
	pcm := media.Samples{Rate: testspeaker.Rate, Channels: 1, Data: make([]int16, media.TimeToSamples(toneLength+time.Second, testspeaker.Rate))}
	for i := range pcm.Data {
		at := float64(i) / testspeaker.Rate
		v := humPeak * math.Sin(2*math.Pi*humHz*at)
		if n := int((at - toneStart.Seconds()) / tonePeriod.Seconds()); at >= toneStart.Seconds() && spoken(n, m) {
			in := at - float64(n)*tonePeriod.Seconds()
			edge := min(in-toneStart.Seconds(), toneEnd.Seconds()-in) / .005
			v += tonePeak * min(max(edge, 0), 1) * math.Sin(2*math.Pi*toneHz*at)
		}
		pcm.Data[i] = int16(v)
	}
	for i := range int(toneLength/tonePeriod) - 1 {
		start := time.Duration(i) * tonePeriod
		m.Said = append(m.Said, phrase{"", start + toneStart, start + toneEnd})
		testspeaker.Marker(pcm, start+tonePeriod)
	}
	if err := m.record(pcm); err != nil {
		return nil, err
	}
	return m, m.check()
}

// film encodes the numbered frames.
func (m *Material) film(width, height int) error {
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{Codec: media.H264, Width: width, Height: height, FrameRate: toneRate,
		Bitrate: 300_000, KeyInterval: toneKeys})
	if err != nil {
		return err
	}
	defer enc.Close()
	for i := range int(m.Length.Seconds() * toneRate) {
		f := media.NewFrame(width, height)
		for y := range f.Y {
			f.Y[y] = 100
		}
		for y := range f.U {
			f.U[y], f.V[y] = 128, 128
		}
		f.PTS = time.Duration(i) * time.Second / toneRate
		testspeaker.Burn(f, uint16(i))
		p, err := enc.Encode(f, i == 0)
		f.Release()
		if err != nil {
			return err
		}
		m.take(p)
	}
	return nil
}
