package openai

import (
	"slices"

	"livedub/inference"
)

// names are what languages are called in the instruction.
var names = map[inference.Lang]string{
	"ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
	"es": "Spanish", "et": "Estonian", "eu": "Basque", "fi": "Finnish", "fr": "French", "gl": "Galician", "he": "Hebrew", "hi": "Hindi",
	"hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian",
	"lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Brazilian Portuguese", "ro": "Romanian", "ru": "Russian",
	"sk": "Slovak", "sl": "Slovene", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}

// known returns the languages that have a name.
func known() []string {
	var out []string
	for l := range names {
		out = append(out, string(l))
	}
	slices.Sort(out)
	return out
}

// rates are how many characters of a language a voice says in a second, spaces
// and punctuation included: four fifths of what espeak-ng says at its own rate,
// which is a hurried one.
var rates = map[inference.Lang]float64{
	"ar": 9.5, "ca": 14, "de": 16, "en": 16, "es": 15, "fi": 12, "fr": 18, "he": 10.5, "hi": 11, "it": 14.5,
	"ja": 7, "ko": 5.5, "pl": 12.5, "pt": 15, "ru": 14, "tr": 11.5, "vi": 13, "zh": 4.5,
}

const usualRate = 14 // where nobody has counted
