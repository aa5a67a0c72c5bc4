package fake

import (
	"math"
	"testing"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/media"
)

// beeps is two seconds-long stretches of sound with a pause between.
func beeps() media.Samples {
	s := media.Samples{Rate: rate, Channels: 1, Data: make([]int16, 5*rate)}
	for i := range s.Data {
		if sec := i / rate; sec == 1 || sec == 3 {
			s.Data[i] = int16(9000 * math.Sin(2*math.Pi*300*float64(i)/rate))
		}
	}
	return s
}

func TestRecognizerContract(t *testing.T) {
	open := func(*testing.T) inference.Recognizer {
		return &Recognizer{Script: []string{"good morning", "how are you"}}
	}
	inferencetest.TestRecognizer(t, open, beeps(), []string{"good", "morning", "how", "are", "you"})
}

func TestTranslatorContract(t *testing.T) {
	open := func(*testing.T) inference.Translator { return &Translator{} }
	inferencetest.TestTranslator(t, open, inference.Pair{From: "en", To: "es"}, "good morning", "es:good es:morning")
}

func TestSpeakerContract(t *testing.T) {
	inferencetest.TestSynthesizer(t, func(*testing.T) inference.Synthesizer { return &Synthesizer{} }, "es", "buenos dias amigos")
}
