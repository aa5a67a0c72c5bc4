package speech

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/pace"
)

// spanish is what is said: everyday sentences, written for this bench.
//
//go:embed es.txt
var spanish string

// sentencePause lies between two sentences of the talk.
const sentencePause = 500 * time.Millisecond

// Talk is what somebody says, as sound and as words with their times.
type Talk struct {
	Lang      inference.Lang
	Sentences []Sentence
	Length    time.Duration

	track   media.Track
	packets []media.Packet
}

// Sentence is one sentence of a talk.
type Sentence struct {
	Text  string
	Words []inference.Word // times count from the talk's beginning
}

// words returns all words of the talk.
func (t *Talk) words() (out []inference.Word) {
	for _, s := range t.Sentences {
		out = append(out, s.Words...)
	}
	return out
}

// NewTalk has the talk spoken by a voice, until it has lasted for so long.
func NewTalk(ctx context.Context, voice inference.Synthesizer, long time.Duration) (*Talk, error) {
	t := &Talk{Lang: "es"}
	enc, err := codec.NewAudioEncoder(codec.AudioEncoderConfig{Codec: media.Opus, Channels: 1, Bitrate: 64000})
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	t.track = enc.Track()
	var pcm []int16
	quiet := func(d time.Duration) { pcm = append(pcm, make([]int16, media.TimeToSamples(d, rate))...) }
	quiet(time.Second)
	for _, text := range strings.Split(strings.TrimSpace(spanish), "\n") {
		at := media.SamplesToTime(len(pcm), rate)
		if at >= long {
			break
		}
		s, err := voice.Speak(ctx, inference.SpeechRequest{Lang: t.Lang, Text: text})
		if err != nil {
			return nil, fmt.Errorf("the talk: %w", err)
		}
		sound, err := resample(s.Sound)
		if err != nil {
			return nil, err
		}
		sentence := Sentence{Text: text}
		for _, w := range s.Words {
			w.Start, w.End = w.Start+at, w.End+at
			sentence.Words = append(sentence.Words, w)
		}
		t.Sentences = append(t.Sentences, sentence)
		pcm = append(pcm, sound...)
		quiet(sentencePause)
	}
	quiet(time.Second)
	t.Length = media.SamplesToTime(len(pcm), rate)
	t.packets, err = enc.Encode(media.Samples{Rate: rate, Channels: 1, Data: pcm})
	return t, err
}

// rate is that of the talk's sound, Hz.
const rate = 48000

func resample(s media.Samples) ([]int16, error) {
	r := codec.NewResampler(rate, 1)
	defer r.Close()
	out, err := r.Resample(s)
	if err != nil {
		return nil, err
	}
	tail, err := r.Flush()
	return append(out.Data, tail.Data...), err
}

// publisher says a talk by the session's clock.
type publisher struct {
	talk  *Talk
	clock pace.Clock
	start time.Duration
	next  int

	quit chan struct{}
	once sync.Once
	last atomic.Int64 // when something was said, ns
}

func newPublisher(t *Talk, clock pace.Clock) *publisher {
	p := &publisher{talk: t, clock: clock, start: clock.Now(), quit: make(chan struct{})}
	p.last.Store(time.Now().UnixNano())
	return p
}

func (p *publisher) Tracks() []media.Track       { return []media.Track{p.talk.track} }
func (p *publisher) Ready(context.Context) error { return nil }
func (p *publisher) Silent() time.Duration       { return time.Since(time.Unix(0, p.last.Load())) }
func (p *publisher) Done() <-chan struct{}       { return p.quit }

func (p *publisher) Close() error {
	p.once.Do(func() { close(p.quit) })
	return nil
}

func (p *publisher) Read(ctx context.Context) (media.Packet, error) {
	if p.next == len(p.talk.packets) {
		p.Close()
		return media.Packet{}, io.EOF
	}
	out := p.talk.packets[p.next]
	p.next++
	out.PTS += p.start
	out.DTS = out.PTS
	err := p.clock.Wait(ctx, out.PTS+out.Duration)
	p.last.Store(time.Now().UnixNano())
	return out, err
}
