package models

import _ "embed"

//go:embed licences/Apache-2.0.txt
var apacheLicence string

//go:embed licences/FunASR-1.1.txt
var funASRLicence string

// zipformer returns a streaming transducer for English.
func zipformer() Entry {
	const at = "https://huggingface.co/csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26/resolve/672fbf1b30579d6585301139bb363f42a0ad4a24/"
	e := Entry{Name: "zipformer-en", What: "streaming Zipformer, int8: a transducer for English", Languages: []string{"en"},
		Licence: "Apache-2.0", LicenceText: apacheLicence}
	for _, f := range []struct {
		from string
		File
	}{
		{"encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx", File{"encoder.onnx", 71_083_163, "563fde436d16cf7607cf408cd6b30909819d03162652ef389c2450ced3f45ac1"}},
		{"decoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx", File{"decoder.onnx", 1_307_236, "98da299f471e38bb4e1a8df579b8cc9122d6039576a77e357b3c60f17dd83b02"}},
		{"joiner-epoch-99-avg-1-chunk-16-left-128.int8.onnx", File{"joiner.onnx", 259_335, "d944208d660d67c8d72cd2acaeac971fa5ceb8c80e76c1968148846fedd6e297"}},
		{"tokens.txt", File{"tokens.txt", 5_048, "49e3c2646595fd907228b3c6787069658f67b17377c60aeb8619c4551b2316fb"}},
	} {
		e.Parts = append(e.Parts, Part{File: f.File, Sources: []Source{{URL: at + f.from}}})
	}
	return e
}

// parakeet returns a transducer that hears whole units in 25 European languages.
func parakeet() Entry {
	return published(Entry{
		Name: "parakeet-v3", What: "Parakeet TDT 0.6B v3, int8: 25 European languages, hears whole units",
		Languages: []string{"en", "es", "fr", "de", "it", "pt", "nl", "pl", "ru", "uk", "bg", "hr", "cs", "da", "et", "fi", "el", "hu", "lv", "lt", "mt", "ro", "sk", "sl", "sv"},
		Licence:   "CC-BY-4.0",
		LicenceText: "Parakeet TDT 0.6B v3 (NVIDIA, 2025, https://huggingface.co/nvidia/parakeet-tdt-0.6b-v3), converted to ONNX and to int8\n" +
			"by the project sherpa-onnx, under Creative Commons Attribution 4.0 International:\nhttps://creativecommons.org/licenses/by/4.0/legalcode\n",
	}, "https://huggingface.co/csukuangfj/sherpa-onnx-nemo-parakeet-tdt-0.6b-v3-int8/resolve/2bda32ec70b097a55adaa07d9a7173915b43cc78/",
		File{"encoder.int8.onnx", 652_184_281, "acfc2b4456377e15d04f0243af540b7fe7c992f8d898d751cf134c3a55fd2247"},
		File{"decoder.int8.onnx", 11_845_275, "179e50c43d1a9de79c8a24149a2f9bac6eb5981823f2a2ed88d655b24248db4e"},
		File{"joiner.int8.onnx", 6_355_277, "3164c13fc2821009440d20fcb5fdc78bff28b4db2f8d0f0b329101719c0948b3"},
		File{"tokens.txt", 93_939, "d58544679ea4bc6ac563d1f545eb7d474bd6cfa467f0a6e2c1dc1c7d37e3c35d"})
}

// senseVoice returns a net for Chinese, Cantonese, Japanese, Korean and English.
func senseVoice() Entry {
	return published(Entry{
		Name: "sensevoice", What: "SenseVoiceSmall, int8: Chinese, Cantonese, Japanese, Korean and English, hears whole units",
		Languages: []string{"zh", "en", "ja", "ko", "yue"}, OwnTerms: true,
		Licence:     "LicenseRef-FunASR-1.1",
		LicenceText: "SenseVoiceSmall (FunAudioLLM, Alibaba Group, https://huggingface.co/FunAudioLLM/SenseVoiceSmall), converted to ONNX and to int8\nby the project sherpa-onnx.\n\n" + funASRLicence,
	}, "https://huggingface.co/csukuangfj/sherpa-onnx-sense-voice-zh-en-ja-ko-yue-2024-07-17/resolve/2365baeacb507f821a0c8120fcee3d484dba7a07/",
		File{"model.int8.onnx", 239_233_841, "c71f0ce00bec95b07744e116345e33d8cbbe08cef896382cf907bf4b51a2cd51"},
		File{"tokens.txt", 315_894, "f449eb28dc567533d7fa59be34e2abca8784f771850c78a47fb731a31429a1dc"})
}

// published returns e with files that lie in a folder of their makers' under their own names.
func published(e Entry, folder string, files ...File) Entry {
	for _, f := range files {
		e.Parts = append(e.Parts, Part{File: f, Sources: []Source{{URL: folder + f.Path}}})
	}
	return e
}
