package whisper

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"livedub/inference"
)

// Longest is the longest sound that can be decoded at once.
const Longest = 30 * time.Second

// Options says how a sound is decoded. The zero value detects the language.
type Options struct {
	Lang  string   // ISO 639-1; "" takes the most probable
	Among []string // the languages to choose from where Lang is empty; none: all
	// Prompt are the tokens of what was said before this sound, the last of
	// which help with names and style.
	Prompt []int
	// Prefix are the tokens that are known of this sound, from its beginning.
	// They are not in the result; decoding goes on behind them.
	Prefix    []int
	MaxTokens int // new ones; 0 is what can be said in the length of the sound
}

// Result is what was said.
type Result struct {
	Text  string
	Words []Word
	Lang  string

	LangProbs  map[string]float64 // of all languages, 1 in sum; "en" alone where the model knows no other
	NoSpeech   float64            // probability that nobody speaks
	AvgLogProb float64            // mean over the new tokens and the end; 0 if there are none. Below -1 a text is a guess.
	Repeats    bool               // the text goes round in a circle, where decoding was stopped
	Cut        bool               // the limit of tokens came before the end of the text
}

// Measured on speech and on noise, hum, tones, music and clicks (decision 35).
const (
	nobody  = .6   // NoSpeech from which on nobody speaks if the text is unsure too: speech has up to .65, most of the rest above .7
	unsure  = -.45 // AvgLogProb of such a text: speech that looks like none has -.3
	guessed = -1   // AvgLogProb below which a text is a guess: speech has down to -.9, the rest -1.1 and less
)

// Doubt returns why the text is not to be believed, "" if it is.
func (r Result) Doubt() string {
	switch {
	case len(r.Words) == 0:
		return "no words"
	case r.Repeats || goesRound(r.Text):
		return "it goes round in a circle"
	case stock(r.Text):
		return "it is a line from subtitles"
	case r.Cut:
		return "it does not end"
	case r.NoSpeech >= nobody && r.AvgLogProb < unsure:
		return "nobody speaks"
	case r.AvgLogProb < guessed:
		return "it is a guess"
	}
	return ""
}

// Word is one word of a Result, with its punctuation.
type Word struct {
	Text       string
	Joined     bool          // no space stands before it
	Start, End time.Duration // in the sound; words do not overlap
	Confidence float64       // 0..1, the mean over its tokens
	Tokens     []int         // for Options.Prefix and Prompt
}

// token is one new token of a text.
type token struct {
	id   int
	logP float64
}

// Decode recognizes 16 kHz mono sound of -1..1, at most Longest. It ends with
// ctx's error before the next token once ctx has ended.
func (m *Model) Decode(ctx context.Context, pcm []float32, o Options) (Result, error) {
	r, err := m.decode(ctx, pcm, o)
	if err != nil {
		return Result{}, fmt.Errorf("whisper: %w", err)
	}
	return r, nil
}

func (m *Model) decode(ctx context.Context, pcm []float32, o Options) (Result, error) {
	if err := m.checkCall(pcm, o); err != nil {
		return Result{}, err
	}
	if len(pcm) == 0 {
		return Result{Lang: o.Lang, NoSpeech: 1}, nil
	}
	d, err := m.hear(ctx, pcm)
	if err != nil {
		return Result{}, err
	}
	start, err := d.step(ctx, m.opening(o.Prompt))
	if err != nil {
		return Result{}, err
	}
	var r Result
	r.NoSpeech = m.noSpeech(start)
	task := m.language(start, o, &r)
	d.rows = d.rows[len(d.rows)-1:] // attention counts from the start on
	logits, err := d.step(ctx, slices.Concat(task, o.Prefix))
	if err != nil {
		return Result{}, err
	}
	seconds := float64(len(pcm)) / rate
	limit := m.info.TextContext - d.past - 1
	if most := o.MaxTokens; most > 0 {
		limit = min(limit, most)
	} else {
		limit = min(limit, tokensAtLeast+int(tokensASecond*seconds))
	}
	text, sum, ended := []token(nil), 0.0, false
	for {
		m.forbid(logits, len(text) == 0 && len(o.Prefix) == 0)
		id, logP := best(logits)
		if id == m.info.EndOfText {
			sum, ended = sum+logP, true
			break
		}
		if len(text) == limit {
			r.Cut = true
			break
		}
		text, sum = append(text, token{id, logP}), sum+logP
		if circle(len(text), func(i, j int) bool { return text[i].id == text[j].id }) > 0 {
			r.Repeats = true
			break
		}
		if logits, err = d.step(ctx, []int{id}); err != nil {
			return Result{}, err
		}
	}
	n := len(text)
	if ended {
		n++
	}
	if n > 0 {
		r.AvgLogProb = sum / float64(n)
	}
	r.Words = m.words(r.Lang, o.Prefix, text)
	d.time(r.Words, len(task), len(o.Prefix), pcm)
	r.Text = joined(r.Words)
	return r, nil
}

// What can be said in a second, of the densest language that the vocabulary has.
const (
	tokensAtLeast = 10
	tokensASecond = 16
)

func (m *Model) checkCall(pcm []float32, o Options) error {
	if n := Longest * rate / time.Second; len(pcm) > int(n) {
		return fmt.Errorf("%.1f s of sound, at most %v can be decoded at once", float64(len(pcm))/rate, Longest)
	}
	for i, v := range pcm {
		if v != v || v > math.MaxFloat32 || v < -math.MaxFloat32 {
			return fmt.Errorf("sample %d is %v, no number", i, v)
		}
	}
	for _, code := range append([]string{o.Lang}, o.Among...) {
		if code != "" && !slices.Contains(m.Languages(), code) {
			return fmt.Errorf("%w: %q; this model has %s", inference.ErrUnsupported, code, strings.Join(m.Languages(), ", "))
		}
	}
	for _, id := range slices.Concat(o.Prefix, o.Prompt) {
		if id < 0 || id >= m.info.EndOfText {
			return fmt.Errorf("the prefix or prompt has the token %d, which is no text", id)
		}
	}
	if most := m.info.TextContext/2 - 5; len(o.Prefix) > most {
		return fmt.Errorf("a prefix of %d tokens, at most %d fit: cut the sound where its words are known", len(o.Prefix), most)
	}
	return nil
}

// opening returns the tokens up to the start of the text to come.
func (m *Model) opening(prompt []int) []int {
	if len(prompt) == 0 {
		return []int{m.info.Start}
	}
	most := m.info.TextContext/2 - 5
	prompt = prompt[max(0, len(prompt)-most):]
	return slices.Concat([]int{m.info.StartOfPrevious}, prompt, []int{m.info.Start})
}

// noSpeech returns the probability of silence after the start.
func (m *Model) noSpeech(logits []float32) float64 {
	return math.Exp(logProb(logits, m.info.NoSpeech))
}

// language chooses the language and returns the tokens that ask for its text.
func (m *Model) language(logits []float32, o Options, r *Result) []int {
	if len(m.langs) == 0 {
		r.Lang, r.LangProbs = "en", map[string]float64{"en": 1}
		return []int{m.info.NoTimestamps}
	}
	of := make([]float32, len(m.langs))
	for i, l := range m.langs {
		of[i] = logits[l.token]
	}
	r.LangProbs = map[string]float64{}
	chosen := language{token: -1}
	for i, l := range m.langs {
		r.LangProbs[l.code] = math.Exp(logProb(of, i))
		switch {
		case o.Lang == l.code:
			chosen = l
		case o.Lang == "" && (len(o.Among) == 0 || slices.Contains(o.Among, l.code)) &&
			(chosen.token < 0 || logits[l.token] > logits[chosen.token]):
			chosen = l
		}
	}
	r.Lang = chosen.code
	return []int{chosen.token, m.info.Transcribe, m.info.NoTimestamps}
}

// forbid takes from the logits what is never said. The end may come at once,
// other than in Whisper's own decoder: where nobody speaks, nothing is said.
func (m *Model) forbid(logits []float32, first bool) {
	never := float32(math.Inf(-1))
	for _, id := range m.suppress {
		logits[id] = never
	}
	if !first {
		return
	}
	for _, id := range m.info.SuppressBegin {
		if id != m.info.EndOfText {
			logits[id] = never
		}
	}
}

// best returns the most probable token and the logarithm of its probability.
func best(logits []float32) (int, float64) {
	at := 0
	for i, v := range logits {
		if v > logits[at] {
			at = i
		}
	}
	return at, logProb(logits, at)
}

// logProb returns the logarithm of the probability of one of all.
func logProb(logits []float32, at int) float64 {
	most := slices.Max(logits)
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - most))
	}
	return float64(logits[at]-most) - math.Log(sum)
}

// circle returns how many of n tokens or words, those at the end, repeat so often
// that the text will go on so: 0 if none do. People say "no no no no", and say a
// sentence twice.
func circle(n int, same func(i, j int) bool) int {
	for period := 1; period <= n/3; period++ {
		times := 3
		switch {
		case period == 1:
			times = 6
		case period <= 3:
			times = 4
		}
		start := n - period*times
		if start < 0 {
			continue
		}
		all := true
		for i := start + period; i < n && all; i++ {
			all = same(i, i-period)
		}
		if all {
			return period
		}
	}
	return 0
}
