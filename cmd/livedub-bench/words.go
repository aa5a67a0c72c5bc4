package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"livedub/inference"
	"livedub/internal/bench/words"
	"livedub/internal/cli"
	"livedub/internal/grades"
	"livedub/media"
	"livedub/media/codec"
)

const benchWordsUsage = "bench words [--pairs LIST] [--sentences N] [--skip-voices] [--recordings FOLDER] [--misheard] [--json]"

// runBenchWords measures translations, recognizers and voices; it asserts nothing.
func runBenchWords(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("bench words")
	list := fs.String("pairs", "", "`LIST` of pairs, as es:pt,es:ca; empty is all")
	sentences := fs.Int("sentences", 0, "how many sentences of each language; 0 is all")
	skipVoices := fs.Bool("skip-voices", false, "measure translations, and recognizers on recordings, alone: it takes seconds")
	recordings := fs.String("recordings", "", "`FOLDER` of people's speech: es/any.wav beside es/any.txt, which says what is said")
	misheard := fs.Bool("misheard", false, "print sentences that were misheard on stderr")
	asJSON := fs.Bool("json", false, "print JSON instead of tables")
	c, rest, err := cli.Settings(fs, benchWordsUsage, args, stdout, "recognize", "translate", "speak", "models", "onnx", "log")
	if err != nil {
		return err
	}
	if len(rest) > 0 || *sentences < 0 {
		return cli.Usagef("bench words: takes no arguments, and no less than 0 sentences: livedub %s", benchWordsUsage)
	}
	pairs, err := readPairs(*list)
	if err != nil {
		return err
	}
	began := time.Now()
	say := func(what string) {
		fmt.Fprintf(stderr, "bench words: %4.0f s: %s\n", time.Since(began).Seconds(), what)
	}
	var spoken []words.Recording
	if *recordings != "" {
		if spoken, err = readRecordings(ctx, *recordings); err != nil {
			return err
		}
	}
	e, err := openWordEngines(ctx, c)
	if err != nil {
		return err
	}
	defer e.Close()
	cfg := words.Config{
		Translators: e.translators, Recognizers: e.recognizers, Voices: e.voices, Recordings: spoken,
		Pairs: pairs, Sentences: *sentences, Low: low, Say: say,
		Misheard: func(by, lang, said, heard string) {
			if *misheard {
				fmt.Fprintf(stderr, "  %s, %s: %s\n  heard: %s\n", by, lang, said, heard)
			}
		},
	}
	if *skipVoices {
		cfg.Voices = nil
	}
	r, err := words.Measure(ctx, cfg)
	if err != nil {
		return err
	}
	r.Date, r.Machine, r.Versions = began.Format(time.DateOnly), machine(), e.versions(ctx, c)
	r.Skipped = append(append([]grades.Skipped{}, e.skipped...), r.Skipped...)
	if *asJSON {
		return printJSON(stdout, r)
	}
	return printWords(stdout, r)
}

// readPairs reads a list like es:pt,es:ca; nil for all.
func readPairs(list string) ([]inference.Pair, error) {
	var out []inference.Pair
	for _, p := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, ok := strings.Cut(p, ":")
		pair := inference.Pair{From: inference.Lang(from), To: inference.Lang(to)}
		if !ok || !slices.Contains(words.Languages, pair.From) || !slices.Contains(words.Languages, pair.To) || from == to {
			return nil, cli.Usagef("bench words: --pairs %q: name two of %v, as es:pt", p, words.Languages)
		}
		out = append(out, pair)
	}
	return out, nil
}

// low brings sound to what recognizers hear.
func low(s media.Samples) (media.Samples, error) {
	r := codec.NewResampler(16000, 1)
	defer r.Close()
	out, err := r.Resample(s)
	if err != nil {
		return out, err
	}
	tail, err := r.Flush()
	out.Data = append(out.Data, tail.Data...)
	return out, err
}

func printWords(w io.Writer, r grades.Results) error {
	fmt.Fprintf(w, "%s, %d sentences a language\n", r.Machine, r.Sentences)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\npair\tengines\tchrF\t95 % within\tms a sentence\tgrade")
	for _, p := range r.Pairs {
		fmt.Fprintf(t, "%s->%s\t%s\t%.1f\t%.1f-%.1f\t%.1f\t%s: %s\n", p.From, p.To, p.Engines, p.ChrF, p.ChrFLow, p.ChrFHigh, p.MS, p.Grade, p.Why)
	}
	fmt.Fprintln(t, "\nrecognizer\tlanguage\tspoken by\tsound\tword errors\tof words\tCPU s a second")
	for _, o := range r.Recognizers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f %%\t%d\t%.2f\n", o.Name, o.Lang, o.SpokenBy, o.Sound, 100*o.WER, o.Words, o.CPUX)
	}
	fmt.Fprintln(t, "\nvoice\tlanguage\tword errors\theard by\tCPU s a second\tfirst sample, ms")
	for _, v := range r.Voices {
		wer := "-"
		if v.WERByOther != nil {
			wer = fmt.Sprintf("%.1f %%", 100**v.WERByOther)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%.0f\n", v.Name, v.Lang, wer, v.Listener, v.CPUX, v.FirstMS)
	}
	for i, s := range r.Skipped {
		if i == 0 {
			fmt.Fprintln(t, "\nnot measured\twhy")
		}
		fmt.Fprintf(t, "%s\t%s\n", s.What, s.Why)
	}
	return t.Flush()
}
