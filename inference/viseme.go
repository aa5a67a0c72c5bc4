package inference

// Viseme is a class of phonemes that look alike, numbered as in the table of
// visemes of MPEG-4 Facial Animation (ISO/IEC 14496-2, Annex C, table C.1).
type Viseme uint8

const (
	VisemeRest Viseme = iota // silence
	VisemePP                 // p b m
	VisemeFF                 // f v
	VisemeTH                 // θ ð
	VisemeDD                 // t d
	VisemeKK                 // k g
	VisemeCH                 // tʃ dʒ ʃ
	VisemeSS                 // s z
	VisemeNN                 // n l
	VisemeRR                 // r
	VisemeA                  // ɑ
	VisemeE                  // e
	VisemeI                  // ɪ
	VisemeO                  // ɒ
	VisemeU                  // ʊ
)

func (v Viseme) String() string {
	names := [...]string{"rest", "PP", "FF", "TH", "DD", "KK", "CH", "SS", "NN", "RR", "A", "E", "I", "O", "U"}
	if int(v) >= len(names) {
		return "rest"
	}
	return names[v]
}
