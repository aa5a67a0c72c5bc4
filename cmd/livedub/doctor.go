package main

import (
	"context"
	"fmt"
	"io"

	"livedub/internal/cli"

	"livedub/internal/doctor"
)

// runDoctor tells what works here. It fails only if something is missing that
// the settings in force need.
func runDoctor(ctx context.Context, args []string, stdout, _ io.Writer) error {
	fs := cli.NewFlags("doctor")
	asJSON := fs.Bool("json", false, "write JSON")
	cfg, rest, err := cli.Settings(fs, "doctor [--json] [flags]", args, stdout, "session", "recognize", "translate", "speak", "lips", "models", "onnx", "video")
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return cli.Usagef("doctor: takes no arguments, got %q: see livedub doctor --help", rest[0])
	}
	t, err := chooseTier(cfg)
	if err != nil {
		return err
	}
	what := doctor.Config{
		Version:       version(),
		ModelDir:      cfg.Recognize.ModelDir,
		Recognizer:    cfg.Recognize.Worker,
		Memory:        int64(cfg.Recognize.MemoryMB) << 20,
		ModesDir:      cfg.Translate.ModesDir,
		Worker:        cfg.Speak.Worker,
		Lips:          cfg.Lips.Engine,
		Runtime:       cfg.ONNX.Library,
		NoRecognizer:  t.recognizer != "pocketsphinx",
		NoTranslator:  cfg.Translate.Engine != "apertium",
		NoSynthesizer: t.voice == "fake",
		NeedNVENC:     cfg.Video.Encoder == "nvenc",
		NeedNVDEC:     cfg.Video.Decoder == "nvdec",
		NeedRuntime:   cfg.Recognize.VAD == "silero" || t.recognizer == "whisper" || t.voice == "kokoro" || t.voice == "piper",
	}
	what.Models = func(ctx context.Context) doctor.Check { return modelsCheck(ctx, cfg, t) }
	if cfg.Lips.Manifest != "" {
		what.Net = func(ctx context.Context) (string, error) { return tryLipNet(ctx, cfg) }
	}
	report := doctor.Run(ctx, what)
	write := report.WriteText
	if *asJSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if missing := report.Missing(); len(missing) > 0 {
		return fmt.Errorf("%s is missing: %s", missing[0].Name, missing[0].Install)
	}
	return nil
}
