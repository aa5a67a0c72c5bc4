package speak

import (
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
)

func TestContract(t *testing.T) {
	for _, lang := range []inference.Lang{"es", "ko"} {
		inferencetest.TestSynthesizer(t, func(t *testing.T) inference.Synthesizer { return open(t, 2) }, lang, samples[lang])
	}
}
