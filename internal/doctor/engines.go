package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"livedub/inference"
	"livedub/inference/recognize"
	"livedub/inference/speak"
	"livedub/inference/translate"
)

func recognizers(c Config, packages map[string]string) []Check {
	row := Check{Name: "pocketsphinx", Kind: "recognize", Needed: !c.NoRecognizer}
	if _, err := recognize.FindWorker(c.Recognizer); err != nil {
		row.Detail, row.Install = oneLine(err), "make build"
		return []Check{row}
	}
	r, err := recognize.NewPocketSphinx(recognize.Config{ModelDir: c.ModelDir, Worker: c.Recognizer, Memory: c.Memory})
	if err != nil {
		row.Detail, row.Install = oneLine(err), apt("pocketsphinx-en-us")
		return []Check{row}
	}
	defer r.Close()
	row.Available = true
	row.Version = recognize.Version()
	row.Detail = "hears " + list(r.Languages())
	if v := packages["pocketsphinx-en-us"]; v != "" {
		row.Detail += "; model pocketsphinx-en-us " + v
	}
	return []Check{row}
}

// pairs are the directions we know a package of, those from English first.
var pairs = []struct {
	inference.Pair
	pkg string
}{
	{inference.Pair{From: "en", To: "es"}, "apertium-eng-spa"},
	{inference.Pair{From: "en", To: "ca"}, "apertium-eng-cat"},
	{inference.Pair{From: "en", To: "gl"}, "apertium-en-gl"},
	{inference.Pair{From: "en", To: "eo"}, "apertium-eo-en"},
	{inference.Pair{From: "es", To: "en"}, "apertium-eng-spa"},
	{inference.Pair{From: "ca", To: "en"}, "apertium-eng-cat"},
	{inference.Pair{From: "gl", To: "en"}, "apertium-en-gl"},
	{inference.Pair{From: "es", To: "ca"}, "apertium-spa-cat"},
	{inference.Pair{From: "ca", To: "es"}, "apertium-spa-cat"},
	{inference.Pair{From: "es", To: "fr"}, "apertium-fr-es"},
	{inference.Pair{From: "fr", To: "es"}, "apertium-fr-es"},
	{inference.Pair{From: "es", To: "pt"}, "apertium-es-pt"},
	{inference.Pair{From: "pt", To: "es"}, "apertium-es-pt"},
	{inference.Pair{From: "es", To: "it"}, "apertium-spa-ita"},
	{inference.Pair{From: "it", To: "es"}, "apertium-spa-ita"},
	{inference.Pair{From: "eo", To: "en"}, "apertium-eo-en"},
}

// translators has a row for each pair that is known or found. Needed is the
// first: one pair makes a dub.
func translators(c Config, packages map[string]string) []Check {
	var found []inference.Pair
	a, err := translate.NewApertium(translate.Config{ModesDir: c.ModesDir})
	if err == nil {
		defer a.Close()
		found = a.Pairs()
	}
	var rows []Check
	for i, p := range pairs {
		row := Check{Name: "apertium " + p.String(), Kind: "translate", Needed: i == 0 && !c.NoTranslator}
		if at := slices.Index(found, p.Pair); at >= 0 {
			found = slices.Delete(found, at, at+1)
			row.Available, row.Version, row.Detail = true, packages[p.pkg], p.pkg
		} else {
			row.Install = apt(p.pkg)
		}
		rows = append(rows, row)
	}
	for _, p := range found {
		rows = append(rows, Check{Name: "apertium " + p.String(), Kind: "translate", Available: true})
	}
	return rows
}

// speakers tries the worker by starting it: the voices are what it tells.
func speakers(c Config, packages map[string]string) []Check {
	worker := Check{Name: "espeakworker", Kind: "speak", Needed: !c.NoSynthesizer}
	voices := Check{Name: "espeak-ng voices", Kind: "speak", Needed: !c.NoSynthesizer}
	s, err := speak.NewEspeak(speak.Config{Worker: c.Worker, Workers: 1})
	if err != nil {
		worker.Detail, worker.Install = oneLine(err), "make build"
		voices.Detail, voices.Install = "espeakworker tells them", worker.Install
		return []Check{worker, voices}
	}
	defer s.Close()
	worker.Available, worker.Version = true, packages["libespeak-ng1"]
	langs := s.Languages()
	voices.Available, voices.Version = len(langs) > 0, packages["espeak-ng-data"]
	voices.Detail = fmt.Sprintf("%d languages: %s", len(langs), list(langs))
	if !voices.Available {
		voices.Detail, voices.Install = "none found", apt("espeak-ng-data")
	}
	return []Check{worker, voices}
}

// mouths tells which engine re-renders the mouth. Without a net it needs nothing from outside.
func mouths(ctx context.Context, c Config) []Check {
	row := Check{Name: "mouth", Kind: "lips", Available: true, Detail: c.Lips}
	switch c.Lips {
	case "own":
		row.Detail = "own: the speaker's own mouths, chosen anew and warped; no net, no weights"
	case "", "off":
		row.Available, row.Detail, row.Install = false, "off", "set lips.engine: own"
	}
	if c.Net == nil {
		return []Check{row}
	}
	net := Check{Name: "mouth net", Kind: "lips", Needed: true}
	uses, err := c.Net(ctx)
	if err != nil {
		net.Detail, net.Install = oneLine(err), "set lips.manifest, or the onnx settings"
	} else {
		net.Available, net.Detail = true, uses
	}
	return []Check{row, net}
}

func list(langs []inference.Lang) string {
	names := make([]string, len(langs))
	for i, l := range langs {
		names[i] = string(l)
	}
	return strings.Join(names, " ")
}
