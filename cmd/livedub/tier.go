package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"livedub/internal/config"
	"livedub/internal/models"
	"livedub/session/spec"
)

// voiceModel is the weights of the neural voice.
const voiceModel = "kokoro"

// neuralDelay is D of the neural tier in profile sync, where nobody sets one: its
// chain needs up to two seconds more than that of the light one.
const neuralDelay = 4*time.Second + spec.NeuralTime

// tier is which engines hear and speak, and where their weights are.
type tier struct {
	name              string // "light", "neural" or "custom"
	recognizer, voice string // engines, by the names of the settings
	weights           string // of a neural recognizer, by their name
	translate         config.Translate
	spoken            []string // by a speech server
	store             *models.Store
	missing           string // why auto is not the neural tier, and what brings it; "" for nothing
}

// chooseTier settles what session.engines and the engines' own settings ask for.
// Engines that are named are taken in any tier.
func chooseTier(c config.Config) (tier, error) {
	store, err := openModels(c.Models)
	if err != nil {
		return tier{}, err
	}
	t := tier{name: c.Session.Engines, recognizer: c.Recognize.Engine, voice: c.Speak.Engine, weights: c.Recognize.Model, translate: c.Translate, spoken: c.Speak.Languages, store: store}
	if t.name == "auto" {
		t.name, t.missing = t.auto(c)
	}
	t.choose(c)
	return t, nil
}

// choose takes the tier's engines where none are named.
func (t *tier) choose(c config.Config) {
	t.recognizer, t.voice = c.Recognize.Engine, c.Speak.Engine
	recognizer, voice := "pocketsphinx", "espeak"
	if t.name == "neural" {
		recognizer, voice = "whisper", "kokoro"
	}
	if t.recognizer == "auto" {
		t.recognizer = recognizer
	}
	if t.voice == "auto" {
		t.voice = voice
	}
}

// light returns the light tier instead of t, and why.
func (t tier) light(c config.Config, why string) tier {
	t.name, t.missing = "light", why
	t.choose(c)
	return t
}

// auto returns the better tier whose weights are there.
func (t tier) auto(c config.Config) (name, missing string) {
	if t.recognizer != "auto" && t.voice != "auto" {
		return "custom", ""
	}
	if slices.Contains([]string{"openai", "openai-realtime", "transducer", "offline"}, t.recognizer) {
		return "light", "" // the operator's own, whose model is none of ours
	}
	var names, better []string // of the engines that are not named
	if t.recognizer == "auto" {
		names, better = append(names, c.Recognize.Model), append(better, "words")
	}
	if t.voice == "auto" {
		names, better = append(names, voiceModel), append(better, "voices")
	}
	for _, model := range names {
		if _, err := t.store.Path(model); err != nil {
			if !errors.Is(err, models.ErrMissing) {
				return "light", modelHint(t.store, model, err).Error()
			}
			return "light", fmt.Sprintf("livedub models pull %s brings better %s", strings.Join(names, " "), strings.Join(better, " and "))
		}
	}
	return "neural", ""
}

// model returns the folder of weights, or what brings them.
func (t tier) model(name string) (string, error) {
	dir, err := t.store.Path(name)
	return dir, modelHint(t.store, name, err)
}

// broken adds to an error of weights how to find out whether they are damaged.
func broken(name string, err error) error {
	return fmt.Errorf("%w: livedub models verify %s tells whether its files are damaged, livedub models pull %s mends them", err, name, name)
}

// place returns where a setting's model is: a path as it is, or the folder of a
// name of the catalogue.
func (t tier) place(model string) (string, error) {
	if _, err := os.Stat(model); err == nil || strings.ContainsRune(model, os.PathSeparator) {
		return model, nil
	}
	return t.model(model)
}

// delay returns the tier's own D in a profile.
func (t tier) delay(p spec.Profile) time.Duration {
	if t.name == "neural" && p == spec.Sync {
		return neuralDelay
	}
	return p.DefaultDelay()
}

// settle puts the tier's own D where nobody set one.
func (t tier) settle(c *config.Config) {
	p := spec.Profile(c.Session.Profile)
	if d := t.delay(p); c.Session.DelayMS == 0 && d != p.DefaultDelay() {
		c.Session.DelayMS = int(d.Milliseconds())
	}
}

// tell logs which engines are at work.
func (t tier) tell(log *slog.Logger) {
	args := []any{"tier", t.name, "recognizer", t.recognizer, "voice", t.voice}
	if t.missing != "" {
		args = append(args, "better", t.missing)
	}
	log.Info("engines", args...)
}
