package caller

import (
	"context"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/codec"
)

// TestTones: the fake recognizer hears each phrase of Tones as one, at its place.
func TestTones(t *testing.T) {
	m, err := Tones(128, 96)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Said) != 29 || len(m.frames) != 450 {
		t.Fatalf("%d phrases, %d frames", len(m.Said), len(m.frames))
	}
	dec, err := codec.NewAudioDecoder(media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	re := codec.NewResampler(16000, 1)
	defer re.Close()
	stream, err := (&fake.Recognizer{}).Open(context.Background(), inference.Listening{Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var heard []inference.Phrase
	for i := range 250 { // 5 s
		_, s := m.sound(i)
		blocks, err := dec.Decode(media.Packet{Kind: media.Audio, PTS: s.at, Data: s.data})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			mono, err := re.Resample(b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := stream.Write(t.Context(), mono)
			if err != nil {
				t.Fatal(err)
			}
			heard = append(heard, got...)
		}
	}
	heard = slices.DeleteFunc(heard, func(p inference.Phrase) bool { return !p.Final })
	if len(heard) != 4 {
		t.Fatalf("heard %+v", heard)
	}
	for i, p := range heard {
		if (p.Start-m.Said[i].start).Abs() > 30*time.Millisecond || (p.End-m.Said[i].end).Abs() > 30*time.Millisecond {
			t.Errorf("phrase %d from %v to %v, said from %v to %v", i, p.Start, p.End, m.Said[i].start, m.Said[i].end)
		}
	}
}

// TestEar: dubs that are heard, lost and heard twice, and silence, are told apart.
func TestEar(t *testing.T) {
	m := &Material{Length: 3 * time.Second, tones: true}
	j := NewJudge(m, 0, nil, nil, nil)
	voice := &fake.Synthesizer{}
	said, err := voice.Speak(t.Context(), inference.SpeechRequest{Text: "es:phrase es:1", Lang: "es", Fit: 600 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for i := range said.Sound.Data { // what is heard below it
		said.Sound.Data[i] += int16(40 - i%2*80)
	}
	began := time.Unix(1000, 0)
	block := media.SamplesToTime(441, 22050)
	say := func(at time.Duration) {
		for part := range slices.Chunk(said.Sound.Data, 441) {
			j.ear.block(at, began.Add(at), media.Samples{Rate: 22050, Channels: 1, Data: part})
			at += block
		}
	}
	hum := func(from, to time.Duration) {
		quiet := media.Samples{Rate: 22050, Channels: 1, Data: slices.Repeat([]int16{40, -40}, 220)}
		for at := from; at < to; at += block {
			j.ear.block(at, began.Add(at), quiet)
		}
	}
	hum(0, 700*time.Millisecond)
	say(700 * time.Millisecond) // phrase 1 is lost, in part in silence
	hum(1300*time.Millisecond, 1500*time.Millisecond)
	hum(1900*time.Millisecond, 3700*time.Millisecond) // the third has none
	say(3700 * time.Millisecond)
	say(3800 * time.Millisecond)
	say(3900 * time.Millisecond) // once more
	got := j.Dubs(0, 6*time.Second)
	if got.Heard != 2 || !slices.Equal(got.Lost, []int{1, 4}) || !slices.Equal(got.Twice, []int{3}) {
		t.Errorf("%+v", got)
	}
	silences := j.Silences()
	if len(silences) != 2 { // the last is still going on
		t.Fatalf("%v", silences)
	}
	if d := silences[0].To.Sub(silences[0].From); (d - 420*time.Millisecond).Abs() > 30*time.Millisecond {
		t.Errorf("silent for %v", d)
	}
}
