package inference_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference"
	"livedub/inference/fake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A stage is chosen by its interface; every engine refuses what it does not have by the same error.
func Example() {
	ctx := context.Background()
	var translator inference.Translator = &fake.Translator{}
	defer translator.Close()
	var voice inference.Synthesizer = &fake.Synthesizer{}
	defer voice.Close()

	text, err := translator.Translate(ctx, inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "es"}, Text: "good morning"})
	if err != nil {
		fmt.Println(err)
		return
	}
	speech, err := voice.Speak(ctx, inference.SpeechRequest{Lang: "es", Text: text})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text, "in", speech.Sound.Duration(), "with", len(speech.Words), "words")

	_, err = translator.Translate(ctx, inference.TranslationRequest{Pair: inference.Pair{From: "en", To: "xx"}, Text: "good morning"})
	fmt.Println(errors.Is(err, inference.ErrUnsupported))
	// Output:
	// es:good es:morning in 1.2s with 2 words
	// true
}
