package models

import "strings"

// pipers returns the Piper voices that were trained from scratch on recordings that
// anybody may use: most others are fine-tuned from one whose recordings are for
// research alone.
func pipers() []Entry {
	const at = "https://huggingface.co/rhasspy/piper-voices/resolve/c10ece1aade47bb51c153c893d14e5bf8e5b7117/"
	voice := func(name, what, lang, path, licence, of string, net, info File) Entry {
		e := Entry{Name: name, What: what, Languages: []string{lang}, Licence: "MIT AND " + licence,
			LicenceText: "The voice, of https://huggingface.co/rhasspy/piper-voices:\n\nMIT License\n\n" + mitText + "\nThe recordings that it was trained on, from scratch:\n\n" + of + "\n"}
		file := path[strings.LastIndexByte(path, '/')+1:]
		net.Path, info.Path = file+".onnx", file+".onnx.json"
		for _, f := range []File{net, info} {
			e.Parts = append(e.Parts, Part{File: f, Sources: []Source{{URL: at + path[:len(path)-len(file)] + f.Path}}})
		}
		return e
	}
	const mls = "Multilingual LibriSpeech (V. Pratap, Q. Xu, A. Sriram, G. Synnaeve, R. Collobert, 2020, https://openslr.org/94/),\n" +
		"under Creative Commons Attribution 4.0 International: https://creativecommons.org/licenses/by/4.0/legalcode"
	return []Entry{
		voice("piper-en-ljspeech", "Piper voice: English, a woman", "en-US", "en/en_US/ljspeech/medium/en_US-ljspeech-medium", "LicenseRef-Public-Domain",
			"LJ Speech (K. Ito, L. Johnson, 2017, https://keithito.com/LJ-Speech-Dataset/), in the public domain.",
			File{"", 63_531_379, "6f52a751e2349abe7a76735eb09dc1875298c77ea2342ffd2fef79ff81b87f22"},
			File{"", 4_972, "141d612cc0a95ed7efc1ca936b845c2364967f2e9217c5dbfcf69fc4d6c65860"}),
		voice("piper-fr-mls", "Piper voices: French, several speakers", "fr", "fr/fr_FR/mls/medium/fr_FR-mls-medium", "CC-BY-4.0", mls,
			File{"", 76_733_750, "0ed223f78466917f2bae05ee90096ce69ab1fdeb251f55590d0e7422d234e162"},
			File{"", 7_036, "252b0b0a6e4cc4949e23eccb956f9c779986c32f934f2f7e2191e5fdc2edca61"}),
		voice("piper-de-mls", "Piper voices: German, several speakers", "de", "de/de_DE/mls/medium/de_DE-mls-medium", "CC-BY-4.0", mls,
			File{"", 76_961_079, "69cd1d2aa5a35839a518966fcc4924b5f93e5f8c948ed0752b1a616ad53f65bf"},
			File{"", 8_948, "b0af1c89ddfdc72d32e015729b0e89b99eec13c2c8caa1db7488d98e9e570b40"}),
		voice("piper-es-carlfm", "Piper voice: Spanish, small and fast", "es", "es/es_ES/carlfm/x_low/es_ES-carlfm-x_low", "LicenseRef-Public-Domain",
			"My speech datasets (carlfm01, https://github.com/carlfm01/my-speech-datasets), in the public domain.",
			File{"", 28_130_791, "d69677323a907cd4963f42b29c20a98b5d6bfa7f3e64df339915e4650c00d125"},
			File{"", 4_159, "d9bdfa9ff01eb2bc9e62e7d2593939d1e4c4d8eb7cf75f972731539d12399966"}),
	}
}
