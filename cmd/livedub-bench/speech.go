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
	"livedub/inference/speak"
	"livedub/inference/translate"
	"livedub/internal/bench/speech"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/session/spec"
)

const benchSpeechUsage = "bench speech [--seconds N] [--policies LIST] [--engines LIST] [--to LANG] [--json]"

// speechFigures is what `livedub bench speech` measures.
type speechFigures struct {
	Machine  string          `json:"machine"`
	TalkS    float64         `json:"talk_s"`
	Pair     string          `json:"pair"`
	Voice    string          `json:"voice"`
	Policies []speech.Result `json:"policies"`
}

// runBenchSpeech has live sessions dub a talk in real time, and tells how far each
// policy lags behind; it asserts nothing.
func runBenchSpeech(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench speech")
	seconds := fs.Int("seconds", 60, "length of the talk; each engine takes so long, and whisper so long for each policy")
	policies := fs.String("policies", "unit,local_agreement,wait_k", "`LIST` of when words are final")
	heard := fs.String("engines", "instant", "`LIST` of what hears: instant knows the talk, whisper is recognize.model of the models that are there")
	to := fs.String("to", "pt", "target `LANGUAGE`")
	asJSON := fs.Bool("json", false, "print JSON instead of a table")
	c, rest, err := cli.Settings(fs, benchSpeechUsage, args, stdout, "log", "models", "recognize", "onnx", "translate")
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
	f, err := benchSpeech(ctx, c, ways, strings.Split(*heard, ","), inference.Lang(*to), time.Duration(*seconds)*time.Second, stderr)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(stdout, f)
	}
	return f.print(stdout)
}

func benchSpeech(ctx context.Context, c config.Config, ways []inference.Policy, heard []string, to inference.Lang, long time.Duration, stderr io.Writer) (f speechFigures, err error) {
	f = speechFigures{Machine: machine(), Voice: "espeak-ng"}
	voice, err := speak.NewEspeak(speak.Config{})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, voice.Close()) }()
	tr, err := translate.NewApertium(translate.Config{ModesDir: c.Translate.ModesDir})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, tr.Close()) }()
	talk, err := speech.NewTalk(ctx, voice, long)
	if err != nil {
		return f, err
	}
	f.TalkS, f.Pair = talk.Length.Seconds(), inference.Pair{From: talk.Lang, To: to}.String()
	for _, name := range heard {
		for _, policy := range ways {
			fmt.Fprintf(stderr, "bench: %s, %s: %.0f s\n", name, policy, talk.Length.Seconds())
			r, err := speech.Run(ctx, talk, to, policy, name, spec.Engines{Translator: tr, Synthesizer: voice})
			if err != nil {
				return f, err
			}
			f.Policies = append(f.Policies, r)
		}
	}
	return f, nil
}

func (f speechFigures) print(w io.Writer) error {
	fmt.Fprintf(w, "%s; a talk of %.0f s, %s, voice %s\n", f.Machine, f.TalkS, f.Pair, f.Voice)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "policy\tengine\tear-voice span, ms: p50\tp95\tLAAL, ms\tchrF\terasure\tskipped, %\tmissed, %\tphrases")
	for _, r := range f.Policies {
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f\t%.0f\t%.1f\t%.3f\t%.1f\t%.1f\t%d\n", r.Policy, r.Engine, r.Span.P50, r.Span.P95, r.LAAL, r.ChrF, r.Erasure, r.SkippedPct, r.MissedPct, r.Phrases)
	}
	return t.Flush()
}
