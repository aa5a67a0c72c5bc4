package translate

import (
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
)

func TestContract(t *testing.T) {
	inferencetest.TestTranslator(t, func(t *testing.T) inference.Translator { return open(t, Config{}) },
		inference.Pair{From: "en", To: "es"}, "I have a red car", "coche rojo")
}
