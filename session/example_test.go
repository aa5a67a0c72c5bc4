package session_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session"
	"livedub/session/spec"
)

// tone is a source of sound alone: a second of silence, a second of a tone, and silence to the end.
type tone struct{ at time.Duration }

const rate = 16000

func (t *tone) Tracks() []media.Track {
	return []media.Track{{Kind: media.Audio, Codec: "pcm_s16le", SampleRate: rate, Channels: 1}}
}

func (t *tone) Read(context.Context) (media.Packet, error) {
	if t.at >= 4*time.Second {
		return media.Packet{}, io.EOF
	}
	p := media.Packet{Kind: media.Audio, PTS: t.at, DTS: t.at, Duration: 20 * time.Millisecond, Data: make([]byte, 2*rate/50)}
	for i := 0; i < len(p.Data); i += 2 {
		if t.at >= time.Second && t.at < 2*time.Second {
			v := int16(9000 * math.Sin(2*math.Pi*300*float64(i/2)/rate))
			p.Data[i], p.Data[i+1] = byte(v), byte(v>>8)
		}
	}
	t.at += p.Duration
	return p, nil
}

func (t *tone) Close() error { return nil }

// count is a sink that counts what it gets.
type count struct{ packets int }

func (c *count) Codecs() (video, audio media.Codec) { return "", media.Opus }
func (c *count) Start([]media.Track) error          { return nil }
func (c *count) Write(media.Packet) error           { c.packets++; return nil }
func (c *count) Close() error                       { return nil }

// A session dubs a source with a beginning and an end to each of its target
// languages; with a virtual clock it goes as fast as the work allows.
func Example() {
	s, err := session.New(spec.Config{
		From: "en", To: []inference.Lang{"es"}, Profile: spec.Sync, Delay: spec.Sync.DefaultDelay(), BackgroundGain: .15,
		Video: spec.VideoConfig{File: true},
	}, spec.Engines{
		Recognizer: &fake.Recognizer{Script: []string{"good morning"}}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{},
	}, pace.NewVirtual())
	if err != nil {
		fmt.Println(err)
		return
	}
	out := &count{}
	if _, err := s.Subscribe("es", out); err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Dub(context.Background(), &tone{}); err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range s.State().Dubs[0].Records {
		fmt.Println(r.Phrase.Text, "->", r.Text, r.Outcome, r.Late, "late")
	}
	fmt.Println("packets:", out.packets > 0)
	// Output:
	// good morning -> es:good es:morning played 0s late
	// packets: true
}
