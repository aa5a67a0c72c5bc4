package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"livedub/inference"
	"livedub/internal/bench/speech"
	"livedub/internal/bench/words"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/session/spec"
)

const benchSpeechUsage = "bench speech [--seconds N] [--policies LIST] [--engines LIST] [--to LANGUAGE] [--voice NAME] [--json]"

// speechFigures is what `livedub bench speech` measures.
type speechFigures struct {
	Machine  string          `json:"machine"`
	TalkS    float64         `json:"talk_s"`
	Pair     string          `json:"pair"`
	Speaker  string          `json:"speaker"` // the voice of the talk
	Voice    string          `json:"voice"`   // of the dub
	Policies []speech.Result `json:"policies"`
}

// runBenchSpeech has live sessions dub a talk in real time, and tells how far each
// policy lags behind; it asserts nothing.
func runBenchSpeech(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench speech")
	seconds := fs.Int("seconds", 60, "length of the talk; each engine takes so long, and whisper so long for each policy")
	policies := fs.String("policies", "unit,local_agreement,wait_k", "`LIST` of when words are final")
	heard := fs.String("engines", "instant", "`LIST` of what hears: instant knows the talk, the others are named by their weights, as whisper-base")
	voice := fs.String("voice", "espeak-ng", "`NAME` of the voice of the dub; the best that is here speaks the talk")
	to := fs.String("to", "pt", "target `LANGUAGE`")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	c, rest, err := cli.Settings(fs, benchSpeechUsage, args, stdout, "log", "models", "recognize", "onnx", "translate", "speak")
	if err != nil {
		return err
	}
	if len(rest) > 0 || *seconds < 5 {
		return cli.Usagef("bench speech: takes no arguments, and 5 seconds at least: livedub %s", benchSpeechUsage)
	}
	var ways []inference.Policy
	for _, p := range strings.Split(*policies, ",") {
		if !slices.Contains(inference.Policies, inference.Policy(p)) {
			return cli.Usagef("bench speech: no policy %q: choose from %v", p, inference.Policies)
		}
		ways = append(ways, inference.Policy(p))
	}
	f, err := benchSpeech(ctx, c, ways, strings.Split(*heard, ","), *voice, inference.Lang(*to), time.Duration(*seconds)*time.Second, stderr)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(stdout, f)
	}
	return f.print(stdout)
}

func benchSpeech(ctx context.Context, c config.Config, ways []inference.Policy, heard []string, voice string, to inference.Lang, long time.Duration, stderr io.Writer) (f speechFigures, err error) {
	e, err := openWordEngines(ctx, c)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if len(e.voices) == 0 || len(e.translators) == 0 {
		return f, fmt.Errorf("bench speech: a voice and a translator are needed: %v", e.skipped)
	}
	v := slices.IndexFunc(e.voices, func(v words.Voice) bool { return v.Name == voice })
	if v < 0 {
		return f, fmt.Errorf("bench speech: no voice %q is here: %v", voice, e.skipped)
	}
	engines := spec.Engines{Translator: e.translators[0].Engine, Synthesizer: e.voices[v].Engine}
	fmt.Fprintf(stderr, "bench: %s speaks the talk\n", e.voices[0].Name)
	talk, err := speech.NewTalk(ctx, e.voices[0].Engine, long)
	if err != nil {
		return f, err
	}
	f = speechFigures{Machine: machine(), TalkS: talk.Length.Seconds(), Pair: inference.Pair{From: talk.Lang, To: to}.String(), Speaker: e.voices[0].Name, Voice: voice}
	for _, name := range heard {
		if engines.Recognizer = nil; name != "instant" {
			r := slices.IndexFunc(e.recognizers, func(r words.Recognizer) bool { return r.Name == name })
			if r < 0 {
				return f, fmt.Errorf("bench speech: no recognizer %q is here: %v", name, e.skipped)
			}
			engines.Recognizer = e.recognizers[r].Engine
		}
		for _, policy := range ways {
			fmt.Fprintf(stderr, "bench: %s, %s: %.0f s\n", name, policy, talk.Length.Seconds())
			r, err := speech.Run(ctx, talk, to, policy, name, engines)
			if err != nil {
				return f, err
			}
			f.Policies = append(f.Policies, r)
		}
	}
	return f, nil
}

func (f speechFigures) print(w io.Writer) error {
	fmt.Fprintf(w, "%s; a talk of %.0f s by %s, %s, voice %s\n", f.Machine, f.TalkS, f.Speaker, f.Pair, f.Voice)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "policy\tengine\tear-voice span, ms: p50\tp95\tLAAL, ms\tchrF\terasure\tskipped, %\tmissed, %\tphrases")
	for _, r := range f.Policies {
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f\t%.0f\t%.1f\t%.3f\t%.1f\t%.1f\t%d\n", r.Policy, r.Engine, r.Span.P50, r.Span.P95, r.LAAL, r.ChrF, r.Erasure, r.SkippedPct, r.MissedPct, r.Phrases)
	}
	return t.Flush()
}
