package translate

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"livedub/inference"
)

// iso1 maps the ISO 639-3 codes of Apertium's languages to ISO 639-1, where
// there is such a code. Older pairs are named by ISO 639-1 already.
var iso1 = map[string]inference.Lang{
	"afr": "af", "ara": "ar", "arg": "an", "ast": "", "aze": "az", "bel": "be", "ben": "bn", "bre": "br",
	"bul": "bg", "cat": "ca", "ces": "cs", "cym": "cy", "dan": "da", "deu": "de", "ell": "el", "eng": "en",
	"epo": "eo", "est": "et", "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr", "gle": "ga", "glg": "gl",
	"hbs": "sh", "heb": "he", "hin": "hi", "hun": "hu", "hye": "hy", "ina": "ia", "ind": "id", "isl": "is",
	"ita": "it", "kaz": "kk", "kir": "ky", "lav": "lv", "lit": "lt", "mkd": "mk", "mlt": "mt", "mar": "mr",
	"msa": "ms", "nld": "nl", "nno": "nn", "nob": "nb", "oci": "oc", "pol": "pl", "por": "pt", "ron": "ro",
	"rus": "ru", "slk": "sk", "slv": "sl", "sme": "se", "spa": "es", "sqi": "sq", "srd": "sc", "swe": "sv",
	"tat": "tt", "tur": "tr", "ukr": "uk", "urd": "ur", "uzb": "uz", "zlm": "ms",
}

// modeName matches a plain pair, and the Portuguese of Brazil, which the voices
// speak. Other variants (eng-cat_valencia, eco-fr-es) are not used.
var modeName = regexp.MustCompile(`^([a-z]{2,3})-([a-z]{2,3})((?:_BR)?)\.mode$`)

func lang(code string) inference.Lang {
	if len(code) == 2 {
		return inference.Lang(code)
	}
	return iso1[code]
}

// scan returns the pairs whose mode file, programs and data are all present, as command lines by pair.
func scan(dir string) map[inference.Pair]mode {
	files, _ := filepath.Glob(filepath.Join(dir, "*.mode"))
	// Where a pair is there under both kinds of names, the ISO 639-3 one is the newer:
	// it comes last, and Brazil's behind it.
	slices.SortFunc(files, func(a, b string) int {
		if d := len(filepath.Base(a)) - len(filepath.Base(b)); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	found := map[inference.Pair]mode{}
	for _, f := range files {
		m := modeName.FindStringSubmatch(filepath.Base(f))
		if m == nil {
			continue
		}
		p := inference.Pair{From: lang(m[1]), To: lang(m[2])}
		if p.From == "" || p.To == "" || p.From == p.To {
			continue
		}
		if stages, err := loadMode(f); err == nil {
			found[p] = mode{name: m[1] + "-" + m[2] + m[3], stages: stages}
		}
	}
	return found
}

// mode is one direction of translation as Apertium has it.
type mode struct {
	name   string     // as "eng-spa"
	stages [][]string // command lines
}
