package recognize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"livedub/inference"
	"livedub/inference/recognize/whisper"
	"livedub/media"
)

// WhisperConfig says what Whisper hears.
type WhisperConfig struct {
	// Model decodes. The Whisper's from now on.
	Model WhisperModel
	// AtOnce is how many calls the model takes at a time; 0 for 1.
	AtOnce int
	// Among are the languages that are heard; nil: all that the model knows.
	Among []inference.Lang
	// Untold says that the model does not tell which language is spoken.
	Untold   bool
	MaxUnit  time.Duration // longest unit of speech; 0 for 3 s
	Hangover time.Duration // silence that ends a unit; 0 for 300 ms
	// Detector makes what tells speech from other sound, for one stream; nil for NewWebRTC.
	Detector func() (Detector, error)
}

// WhisperModel is what is used of a *whisper.Model, or of a server that runs one.
type WhisperModel interface {
	Languages() []string
	Decode(ctx context.Context, pcm []float32, o whisper.Options) (whisper.Result, error)
	Close() error
}

// Whisper is a recognizer by one Whisper, which all streams share: the ends of
// units take turns in the order they came, questions for partial phrases give way
// to them. It is safe for concurrent use.
type Whisper struct {
	cfg    WhisperConfig
	speech Speech
	langs  []inference.Lang

	turn    chan struct{} // room for those that the model works for
	finals  atomic.Int32  // that wait for it
	refused atomic.Uint64 // units whose text is not believed

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	asking sync.Mutex // over the end of ctx and the beginning of questions
	wg     sync.WaitGroup
	once   sync.Once
	err    error // of Close
}

// NewWhisper returns a recognizer. After an error, c.Model is closed.
func NewWhisper(c WhisperConfig) (*Whisper, error) {
	if c.Detector == nil {
		c.Detector = NewWebRTC
	}
	w := &Whisper{cfg: c, speech: Speech{MaxUnit: c.MaxUnit, Hangover: c.Hangover}, turn: make(chan struct{}, max(c.AtOnce, 1))}
	if err := w.speech.complete(); err != nil {
		return nil, errors.Join(err, c.Model.Close())
	}
	for _, l := range c.Model.Languages() {
		if lang := inference.Lang(l); c.Among == nil || slices.Contains(c.Among, lang) {
			w.langs = append(w.langs, lang)
		}
	}
	if len(w.langs) > 1 && !c.Untold {
		w.langs = append(w.langs, inference.Auto)
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w, nil
}

// Languages implements inference.Recognizer.
func (w *Whisper) Languages() []inference.Lang { return w.langs }

// Refused returns how many units had a text that was not believed: invented over
// noise, going round in circles, or a guess.
func (w *Whisper) Refused() uint64 { return w.refused.Load() }

// Open implements inference.Recognizer.
func (w *Whisper) Open(ctx context.Context, l inference.Listening) (inference.RecognizerStream, error) {
	switch {
	case w.ctx.Err() != nil:
		return nil, errClosed
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	for _, lang := range append([]inference.Lang{l.Lang}, l.Among...) { // the list is the caller's
		if !slices.Contains(w.langs, lang) {
			return nil, fmt.Errorf("recognize %q: %w; the model has: %v", lang, inference.ErrUnsupported, w.langs)
		}
	}
	if l.Lang != inference.Auto {
		return w.open(l)
	}
	detector, err := w.cfg.Detector()
	if err != nil {
		return nil, err
	}
	return &autoStream{
		vad: NewVAD(detector, w.speech.Hangover),
		tell: func(ctx context.Context, speech []int16) (map[inference.Lang]float64, error) {
			return w.tell(ctx, speech, l.Among)
		},
		open: func(lang inference.Lang) (inference.RecognizerStream, error) {
			return w.open(inference.Listening{Lang: lang, Policy: l.Policy})
		},
	}, nil
}

// open returns a stream of one language.
func (w *Whisper) open(l inference.Listening) (inference.RecognizerStream, error) {
	detector, err := w.cfg.Detector()
	if err != nil {
		return nil, err
	}
	speech := w.speech
	speech.Lang, speech.Policy = l.Lang, l.Policy
	d := &whisperDecoder{w: w, lang: string(l.Lang), asks: seldom}
	if newPolicy(l.Policy) != nil {
		d.asks = often
	}
	d.ctx, d.cancel = context.WithCancel(w.ctx)
	return newStream(speech, d, detector), nil
}

// tell returns how probable it is that each of some languages is spoken, of them alone.
func (w *Whisper) tell(ctx context.Context, speech []int16, among []inference.Lang) (map[inference.Lang]float64, error) {
	leave, err := w.take(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	o := whisper.Options{MaxTokens: 1} // the text is not wanted
	for _, l := range among {
		o.Among = append(o.Among, string(l))
	}
	r, err := w.cfg.Model.Decode(ctx, floats(nil, speech), o)
	if err != nil {
		return nil, err
	}
	sum, probs := 0.0, map[inference.Lang]float64{}
	for code, p := range r.LangProbs {
		if l := inference.Lang(code); slices.Contains(w.langs, l) && (among == nil || slices.Contains(among, l)) {
			probs[l], sum = p, sum+p
		}
	}
	for l := range probs {
		probs[l] /= sum
	}
	return probs, nil
}

// floats appends sound as nets take it, -1..1.
func floats(to []float32, pcm []int16) []float32 {
	for _, v := range pcm {
		to = append(to, float32(v)/32768)
	}
	return to
}

// Close ends what is under way, and closes the net.
func (w *Whisper) Close() error {
	w.once.Do(func() {
		w.asking.Lock()
		w.cancel()
		w.asking.Unlock()
		w.wg.Wait()
		for range cap(w.turn) { // no unit's end is at work anymore
			w.turn <- struct{}{}
		}
		w.err = w.cfg.Model.Close()
	})
	return w.err
}

// take waits for the net; leave gives it back.
func (w *Whisper) take(ctx context.Context) (leave func(), err error) {
	w.finals.Add(1)
	defer w.finals.Add(-1)
	select {
	case w.turn <- struct{}{}:
		return func() { <-w.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.ctx.Done():
		return nil, errClosed
	}
}

// tryTake takes the net if nobody has it, nor waits for it.
func (w *Whisper) tryTake() (leave func(), ok bool) {
	if w.finals.Load() > 0 {
		return nil, false
	}
	select {
	case w.turn <- struct{}{}:
		return func() { <-w.turn }, true
	default:
		return nil, false
	}
}

const (
	// leastAsk and mostAsk bound how much sound lies between two questions for a partial phrase.
	leastAsk = 400 * time.Millisecond
	mostAsk  = 2 * time.Second
	// seldom and often are how many times as long as a question took passes until the
	// next one: partial phrases are captions, but where words are final once two
	// guesses agree, nobody speaks before the second one.
	seldom, often = 3, 1.3
)

// whisperDecoder decodes one stream's units.
type whisperDecoder struct {
	w    *Whisper
	lang string
	asks float64   // how many times as long as a question took passes until the next one
	pcm  []float32 // of the unit

	ctx    context.Context // of questions; ends with Release
	cancel context.CancelFunc
	cost   atomic.Int64 // of the last question, ns
}

// Start implements Decoder.
func (d *whisperDecoder) Start(context.Context) error {
	d.pcm = d.pcm[:0]
	return d.w.ctx.Err()
}

// Feed implements Decoder.
func (d *whisperDecoder) Feed(ctx context.Context, pcm []int16) error {
	d.pcm = floats(d.pcm, pcm)
	if most := media.TimeToSamples(whisper.Longest, sampleRate); len(d.pcm) > most {
		return fmt.Errorf("a unit of more than %v", whisper.Longest)
	}
	return ctx.Err()
}

// Every implements Decoder.
func (d *whisperDecoder) Every() time.Duration {
	return min(max(time.Duration(d.asks*float64(d.cost.Load())), leastAsk), mostAsk)
}

// whisperAnswer is what a question will have brought.
type whisperAnswer struct {
	done  chan struct{}
	words []inference.Word // once done
}

// Ready implements Answer.
func (a *whisperAnswer) Ready() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// Wait implements Answer.
func (a *whisperAnswer) Wait(ctx context.Context) ([]inference.Word, error) {
	select {
	case <-a.done:
		return a.words, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Ask implements Decoder. What a question fails with, the unit's end will too.
func (d *whisperDecoder) Ask(ctx context.Context) (Answer, error) {
	d.w.asking.Lock()
	defer d.w.asking.Unlock()
	if d.w.ctx.Err() != nil {
		return nil, errClosed
	}
	leave, ok := d.w.tryTake()
	if !ok {
		return nil, ctx.Err()
	}
	pcm := append([]float32(nil), d.pcm...)
	a := &whisperAnswer{done: make(chan struct{})}
	d.w.wg.Go(func() {
		defer close(a.done)
		defer leave()
		began := time.Now()
		r, err := d.w.cfg.Model.Decode(d.ctx, pcm, whisper.Options{Lang: d.lang})
		d.cost.Store(int64(time.Since(began)))
		if err == nil && r.Doubt() == "" {
			a.words = whole(r.Words)
		}
	})
	return a, nil
}

// Abandon implements Decoder. A question under way is not worth its end.
func (d *whisperDecoder) Abandon(ctx context.Context) error { return ctx.Err() }

// End implements Decoder.
func (d *whisperDecoder) End(ctx context.Context) ([]inference.Word, error) {
	leave, err := d.w.take(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, err := d.w.cfg.Model.Decode(ctx, d.pcm, whisper.Options{Lang: d.lang})
	if err != nil {
		return nil, err
	}
	if r.Doubt() != "" {
		if len(r.Words) > 0 {
			d.w.refused.Add(1)
		}
		return nil, nil
	}
	return whole(r.Words), nil
}

// Release implements Decoder. A question under way ends; Close waits for it.
func (d *whisperDecoder) Release(error) { d.cancel() }

// whole joins what no space stands between, unless the script writes none: there a character is a word.
func whole(words []whisper.Word) []inference.Word {
	var out []inference.Word
	for _, w := range words {
		if n := len(out); w.Joined && n > 0 && !touch(out[n-1].Text, w.Text) {
			o := &out[n-1]
			o.Text, o.End, o.Confidence = o.Text+w.Text, w.End, min(o.Confidence, w.Confidence)
			continue
		}
		out = append(out, inference.Word{Text: w.Text, Start: w.Start, End: w.End, Confidence: w.Confidence})
	}
	return out
}
