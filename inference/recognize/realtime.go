package recognize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/recognize/realtime"
	"livedub/inference/recognize/whisper"
	"livedub/media"
)

// RealtimeConfig says who hears while somebody speaks.
type RealtimeConfig struct {
	// Client knows the server. The Realtime's from now on.
	Client    *realtime.Client
	Languages []inference.Lang // that it is asked to hear
	MaxUnit   time.Duration    // longest unit of speech; 0 for 3 s
	Hangover  time.Duration    // silence that ends a unit; 0 for 300 ms
	// Detector makes what tells speech from other sound, for one stream; nil for NewWebRTC.
	Detector func() (Detector, error)
	// Resample makes what brings mono sound to realtime.Rate, for one stream.
	Resample func() Resampler
}

// Resampler brings sound to another rate.
type Resampler interface {
	Resample(s media.Samples) (media.Samples, error)
	// Flush returns what is left of the sound so far; then other sound begins.
	Flush() (media.Samples, error)
	Close()
}

// Realtime is a recognizer by a server that hears while somebody speaks. Each
// stream has a connection of its own. It is safe for concurrent use.
type Realtime struct {
	cfg     RealtimeConfig
	speech  Speech
	refused atomic.Uint64
}

var _ inference.Recognizer = (*Realtime)(nil)

// NewRealtime returns a recognizer; it asks the server for nothing yet. After an error, c.Client is closed.
func NewRealtime(c RealtimeConfig) (*Realtime, error) {
	if c.Detector == nil {
		c.Detector = NewWebRTC
	}
	r := &Realtime{cfg: c, speech: Speech{MaxUnit: c.MaxUnit, Hangover: c.Hangover}}
	err := r.speech.complete()
	if err == nil && len(c.Languages) == 0 {
		err = errors.New("recognize: no languages: name those that the model knows")
	}
	if err != nil {
		c.Client.Close()
		return nil, err
	}
	return r, nil
}

// Languages implements inference.Recognizer.
func (r *Realtime) Languages() []inference.Lang { return r.cfg.Languages }

// Refused returns how many units had a text that was not believed.
func (r *Realtime) Refused() uint64 { return r.refused.Load() }

// Open implements inference.Recognizer. It connects to the server.
func (r *Realtime) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	if !slices.Contains(r.cfg.Languages, l.Lang) {
		return nil, fmt.Errorf("recognize %q: %w; the server is asked for: %v", l.Lang, inference.ErrUnsupported, r.cfg.Languages)
	}
	detector, err := r.cfg.Detector()
	if err != nil {
		return nil, err
	}
	s, err := r.cfg.Client.Open(ctx, string(l.Lang))
	if err != nil {
		return nil, explain(ctx, err)
	}
	speech := r.speech
	speech.Lang, speech.Policy = l.Lang, l.Policy
	return newStream(speech, &realtimeDecoder{r: r, lang: string(l.Lang), session: s, up: r.cfg.Resample()}, detector), nil
}

// Close ends all connections; open streams fail from now on.
func (r *Realtime) Close() error {
	r.cfg.Client.Close()
	return nil
}

const (
	partSound   = realtime.Rate / 10 // samples that are sent at once
	leastCommit = realtime.Rate / 10 // samples of a unit: servers refuse less
)

// realtimeDecoder hears one stream's units by one connection.
type realtimeDecoder struct {
	r       *Realtime
	lang    string
	session *realtime.Session
	up      Resampler

	pcm   []float32 // of the unit
	sound []int16   // of it, at realtime.Rate, that was not sent yet
	sent  int       // samples of it that were
	told  string    // text that the last answer was made of
}

// Start implements Decoder. A connection that ended since the last unit is made anew.
func (d *realtimeDecoder) Start(ctx context.Context) error {
	d.pcm, d.sound, d.sent, d.told = d.pcm[:0], d.sound[:0], 0, ""
	if _, err := d.up.Flush(); err != nil { // what is left of a unit that was given up
		return err
	}
	if d.session.Err() == nil {
		return nil
	}
	s, err := d.r.cfg.Client.Open(ctx, d.lang)
	if err != nil {
		return err
	}
	d.session = s
	return nil
}

// Feed implements Decoder.
func (d *realtimeDecoder) Feed(ctx context.Context, pcm []int16) error {
	if len(pcm) == 0 {
		return nil
	}
	in := media.Samples{PTS: media.SamplesToTime(len(d.pcm), sampleRate), Rate: sampleRate, Channels: 1, Data: pcm}
	d.pcm = floats(d.pcm, pcm)
	if most := media.TimeToSamples(whisper.Longest, sampleRate); len(d.pcm) > most {
		return fmt.Errorf("a unit of more than %v", whisper.Longest)
	}
	out, err := d.up.Resample(in)
	if err != nil {
		return err
	}
	if d.sound = append(d.sound, out.Data...); len(d.sound) < partSound {
		return nil
	}
	return d.send(ctx)
}

func (d *realtimeDecoder) send(ctx context.Context) error {
	err := d.session.Append(ctx, d.sound)
	d.sent += len(d.sound)
	d.sound = d.sound[:0]
	return err
}

// Every implements Decoder: what has come is there at once.
func (d *realtimeDecoder) Every() time.Duration { return 250 * time.Millisecond }

// known is an answer that is there.
type known []inference.Word

// Ready implements Answer.
func (known) Ready() bool { return true }

// Wait implements Answer.
func (k known) Wait(context.Context) ([]inference.Word, error) { return k, nil }

// Ask implements Decoder.
func (d *realtimeDecoder) Ask(context.Context) (Answer, error) {
	if err := d.session.Err(); err != nil {
		return nil, err
	}
	text := d.session.Text()
	if text == d.told {
		return nil, nil
	}
	d.told = text
	words, doubt := d.words(realtime.Heard{Text: text})
	if doubt {
		return nil, nil
	}
	return known(words), nil
}

// Abandon implements Decoder.
func (d *realtimeDecoder) Abandon(ctx context.Context) error { return d.session.Clear(ctx) }

// End implements Decoder.
func (d *realtimeDecoder) End(ctx context.Context) ([]inference.Word, error) {
	rest, err := d.up.Flush()
	if err != nil {
		return nil, err
	}
	d.sound = append(d.sound, rest.Data...)
	if d.sent+len(d.sound) < leastCommit {
		return nil, d.session.Clear(ctx)
	}
	if err := d.send(ctx); err != nil {
		return nil, err
	}
	heard, err := d.session.Commit(ctx)
	if err != nil {
		return nil, err
	}
	words, doubt := d.words(heard)
	if doubt {
		d.r.refused.Add(1)
	}
	return words, nil
}

// words returns those of a text, spread over the unit; none if they are not to be believed.
func (d *realtimeDecoder) words(h realtime.Heard) (words []inference.Word, doubt bool) {
	spread := whisper.Spread(h.Text, d.pcm)
	if len(spread) == 0 {
		return nil, false
	}
	texts := make([]string, len(spread))
	for i, w := range spread {
		texts[i] = w.Text
	}
	mean, confidences := h.Confidences(texts)
	if (whisper.Result{Text: h.Text, Words: spread, AvgLogProb: mean}).Doubt() != "" {
		return nil, true
	}
	for i := range spread {
		spread[i].Confidence = confidences[i]
	}
	return whole(spread), false
}

// Release implements Decoder.
func (d *realtimeDecoder) Release(error) {
	d.session.Close()
	d.up.Close()
}
