package kokoro

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"livedub/inference"
	"livedub/inference/speak/spoken"
)

// vocabulary is the number of each symbol that the net knows.
type vocabulary map[rune]int

// part is what the net speaks at once: at most maxTokens.
type part []spoken.Symbol

func readVocabulary(dir string) (vocabulary, error) {
	path := filepath.Join(dir, "vocab.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct{ Vocab map[string]int }
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	v := vocabulary{}
	for s, id := range file.Vocab {
		r := []rune(s)
		if len(r) != 1 || id < 1 || id > 1<<10 {
			return nil, fmt.Errorf("%s: %q is no symbol with a number", path, s)
		}
		v[r[0]] = id
	}
	if len(v) < 50 {
		return nil, fmt.Errorf("%s: %d symbols: too few for any language", path, len(v))
	}
	return v, nil
}

// joined are phonemes that the net has one symbol for; those of English are
// diphthongs, which other languages speak as two vowels.
var (
	joined  = []string{"t͡ʃ", "ʧ", "d͡ʒ", "ʤ", "tʃ", "ʧ", "dʒ", "ʤ", "t͡s", "ʦ", "ts", "ʦ", "g", "ɡ"}
	english = []string{"ɚ", "əɹ", "aɪ", "I", "eɪ", "A", "oʊ", "O", "əʊ", "Q", "aʊ", "W", "ɔɪ", "Y"}

	replaceAll     = strings.NewReplacer(joined...)
	replaceEnglish = strings.NewReplacer(append(english, joined...)...)
)

// spelled are the symbols that are no IPA.
var spelled = map[rune]string{'ʧ': "tʃ", 'ʤ': "dʒ", 'ʦ': "ts", 'ʣ': "dz", 'I': "aɪ", 'A': "eɪ", 'O': "oʊ", 'Q': "əʊ", 'W': "aʊ", 'Y': "ɔɪ"}

// parts makes tokens of clauses, as few parts as hold them, and returns the words
// they say, and how many symbols the voice does not know: they are left out.
func (v vocabulary) parts(clauses []inference.Clause, isEnglish bool) (out []part, words []string, lacking int) {
	a := spoken.Alphabet{Has: func(r rune) bool { return v[r] != 0 }, Spell: replaceAll.Replace, IPA: spelled}
	if isEnglish {
		a.Spell = replaceEnglish.Replace
	}
	var now part
	symbols, words, lacking := a.Symbols(clauses)
	for _, p := range symbols {
		for _, p := range spoken.Cut(p, maxTokens) {
			if len(now)+len(p) > maxTokens {
				out, now = append(out, now), nil
			}
			now = append(now, p...)
		}
	}
	if len(now) > 0 {
		out = append(out, now)
	}
	return out, words, lacking
}
