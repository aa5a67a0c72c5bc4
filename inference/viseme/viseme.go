// Package viseme maps phonemes to visemes and visemes to mouth shapes over time.
package viseme

import (
	"strings"
	"unicode"

	"livedub/inference"
)

// Of returns the viseme of a phoneme in IPA, as espeak-ng writes it. Stress,
// length and other diacritics count for nothing; a
// diphthong is seen by its first target, an affricate by its release. "",
// pauses and what is no phoneme ("(en)") are rest.
//
// The classes are those of MPEG-4 (ISO/IEC 14496-2, table C.1), which knows
// English; other languages' sounds go where the lips and the jaw look alike.
func Of(ipa string) inference.Viseme {
	if strings.HasPrefix(ipa, "(") {
		return inference.VisemeRest
	}
	var first inference.Viseme
	n := 0
	for _, r := range ipa {
		v, ok := classes[r]
		if !ok {
			continue
		}
		if n++; n == 1 {
			first = v
			continue
		}
		// Two consonants in one phoneme are an affricate: t ʃ, p f, t s.
		if consonant(first) && consonant(v) {
			return v
		}
		break
	}
	return first
}

func consonant(v inference.Viseme) bool {
	return v >= inference.VisemePP && v <= inference.VisemeRR
}

// classes holds every base letter of the IPA that the languages served here use.
var classes = table(map[inference.Viseme]string{
	inference.VisemePP: "pbmɓʙ",
	inference.VisemeFF: "fvɱʋ",
	inference.VisemeTH: "θð",
	inference.VisemeDD: "tdʈɖɗ",
	// Back of the tongue and throat: nothing moves at the lips. q stands for espeak's Korean unreleased and tense k.
	inference.VisemeKK: "kgɡqɢxɣχhħɦʔŋɴɠɟcʕɰ",
	inference.VisemeCH: "ʃʒɕʑʂʐ",
	inference.VisemeSS: "szɬɮ",
	inference.VisemeNN: "nlɫɭɲɳʟ",
	// The uvular r of French and German is made out of sight but the lips stay as for r.
	inference.VisemeRR: "rɾɹɻʁʀɽɺ",
	inference.VisemeA:  "aɑɐʌæäɶ",
	// Korean ɯ and ɤ are back vowels with spread lips.
	inference.VisemeE: "eɛəɜɘɚɝɞɤɯ",
	// Glides and palatals spread the lips as i does.
	inference.VisemeI: "iɪɨᵻjçʝʎ",
	inference.VisemeO: "oɔɒøœɵ",
	// All that rounds or narrows the lips without a touch: Spanish β is an approximant, and front vowels may be round (French y).
	inference.VisemeU: "uʊʉyʏɥwβʍɸ",
})

func table(m map[inference.Viseme]string) map[rune]inference.Viseme {
	t := map[rune]inference.Viseme{}
	for v, letters := range m {
		for _, r := range letters {
			t[r] = v
			if u := unicode.ToUpper(r); u != r && r < 0x80 {
				t[u] = v
			}
		}
	}
	return t
}
