// Package wish reads what participants of a room want, from their attributes and
// metadata, and decides who is dubbed into which languages for whom.
package wish

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// The attributes of participants. Each may also stand in their metadata, which is
// JSON then: {"livedub":{"consent":true,"from":"en","lang":"es","video":true}}. An
// attribute counts before the metadata.
const (
	Consent = "livedub.consent" // "true": may be dubbed
	From    = "livedub.from"    // the language that they speak
	Lang    = "livedub.lang"    // the languages that they want to hear the others in, by commas
	Video   = "livedub.video"   // "true": they want to see mouths that fit, too
	Skip    = "livedub.skip"    // "true": is never dubbed, whatever else is said
	Bot     = "livedub.bot"     // "true": a connector, whose tracks are dubs
)

// Mark in a track's name has the track never dubbed.
const Mark = "nodub"

const maxLangs = 4 // that one listener hears at once

// Wish is what one participant wants.
type Wish struct {
	Consent bool
	From    string   // "" where they do not say
	Langs   []string // sorted, each once
	Video   bool
	Skip    bool
}

var language = regexp.MustCompile(`^[a-z]{2,3}(-[a-zA-Z0-9]{2,8})?$`)

// Language tells whether a text can name a language.
func Language(s string) bool { return language.MatchString(s) }

// Languages returns the languages of a list by commas, sorted, each once; what
// cannot be one is left out.
func Languages(list string) []string {
	var out []string
	for _, l := range strings.Split(list, ",") {
		if l = strings.TrimSpace(l); Language(l) && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

// Read returns the wish of a participant by attributes and metadata. Both are
// strangers' texts: what cannot be understood is as if it were not there.
func Read(attributes map[string]string, metadata string) Wish {
	in := said(metadata)
	get := func(key string) string {
		if v, ok := attributes[key]; ok && v != "" {
			return v
		}
		return in[strings.TrimPrefix(key, "livedub.")]
	}
	w := Wish{
		Consent: get(Consent) == "true", Video: get(Video) == "true",
		Skip: get(Skip) == "true" || attributes[Bot] == "true",
	}
	if l := get(From); Language(l) || l == "auto" {
		w.From = l
	}
	w.Langs = Languages(get(Lang))
	if len(w.Langs) > maxLangs {
		w.Langs = w.Langs[:maxLangs]
	}
	return w
}

// said returns what stands under "livedub" in metadata, values as text.
func said(metadata string) map[string]string {
	if len(metadata) > 64<<10 || !strings.Contains(metadata, "livedub") {
		return nil
	}
	var m struct {
		Livedub map[string]json.RawMessage `json:"livedub"`
	}
	if json.Unmarshal([]byte(metadata), &m) != nil {
		return nil
	}
	out := map[string]string{}
	for k, raw := range m.Livedub {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		out[k] = text
	}
	return out
}

// Marked tells whether a track's name says that it is never dubbed.
func Marked(name string) bool { return strings.Contains(strings.ToLower(name), Mark) }
