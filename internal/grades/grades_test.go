package grades

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestGrade: a pair is as good as its weakest part, and the reason names that part and its number.
func TestGrade(t *testing.T) {
	wer := func(v float64) *float64 { return &v }
	r := Results{
		Pairs: []Pair{
			{From: "es", To: "ca", Engines: Engines{Translator: "rules"}, ChrF: 89.5},
			{From: "es", To: "it", Engines: Engines{Translator: "rules"}, ChrF: 70.9},
			{From: "es", To: "en", Engines: Engines{Translator: "rules"}, ChrF: 59.9},
			{From: "gl", To: "ca", Engines: Engines{Translator: "rules"}, ChrF: 75},
			{From: "gl", To: "en", Engines: Engines{Translator: "rules"}, ChrF: 54},
			{From: "en", To: "ca", Engines: Engines{Translator: "rules"}, ChrF: 60},
		},
		Recognizers: []Recognizer{
			{Name: "net", Lang: "es", SpokenBy: "person", Sound: Clean, WER: .9}, // not what is judged by
			{Name: "net", Lang: "es", SpokenBy: "person", Sound: Room, WER: .05},
			{Name: "old", Lang: "es", SpokenBy: "person", Sound: Room, WER: .42},
			{Name: "net", Lang: "gl", SpokenBy: "robot", Robot: true, Sound: Clean, WER: .01},
			{Name: "net", Lang: "en", SpokenBy: "person", Sound: Room, WER: 0},
			{Name: "net", Lang: "en", SpokenBy: People, Sound: Clean, WER: .12},
		},
		Voices: []Voice{
			{Name: "person", Lang: "ca", WERByOther: wer(.02)},
			{Name: "robot", Lang: "ca", Robot: true, WERByOther: wer(.6)},
			{Name: "mute", Lang: "ca"},
			{Name: "person", Lang: "it", WERByOther: wer(.251)},
			{Name: "person", Lang: "en", WERByOther: wer(.1)},
		},
	}
	for _, c := range []struct {
		from, to                      string
		recognizer, translator, voice string
		grade, why                    string
	}{
		{"es", "ca", "net", "rules", "person", Good,
			"the recognizer mishears 5.0 % of the words spoken in a room; the translation agrees with a person's by 89.5 of 100 (chrF); the voice is understood with 2.0 % word errors"},
		{"es", "ca", "net", "rules", "robot", Usable, "a robot's voice, of which a recognizer misses 60.0 % of the words"},
		{"es", "it", "net", "rules", "person", Rough, "the voice is understood with 25.1 % word errors"},
		{"es", "en", "net", "rules", "person", Rough, "the translation agrees with a person's by 59.9 of 100 (chrF)"},
		{"es", "en", "old", "rules", "person", Rough,
			"the recognizer mishears 42.0 % of the words spoken in a room; the translation agrees with a person's by 59.9 of 100 (chrF)"},
		{"en", "ca", "net", "rules", "person", Usable,
			"the recognizer mishears 12.0 % of the words people said; the translation agrees with a person's by 60.0 of 100 (chrF)"},
		{"es", "ca", "net", "openai", "person", NotMeasured, "translation by a server of OpenAI's protocol was not measured"},
		{"es", "ca", "old", "openai", "person", Rough, "the recognizer mishears 42.0 % of the words spoken in a room"},
		{"es", "ca", "net", "rules", "mute", NotMeasured, "speech in ca by mute was not measured"},
		{"gl", "ca", "net", "rules", "robot", NotMeasured, "recognition of gl by net was not measured on a natural voice"},
		{"gl", "en", "net", "rules", "person", Rough, "the translation agrees with a person's by 54.0 of 100 (chrF)"},
		{"ko", "ja", "a", "b", "c", NotMeasured,
			"recognition of ko by a was not measured on a natural voice; translation by b was not measured; speech in ja by c was not measured"},
	} {
		grade, why := r.Grade(c.from, c.to, Engines{c.recognizer, c.translator, c.voice})
		if grade != c.grade || why != c.why {
			t.Errorf("%s->%s by %s, %s, %s: %s: %s\nwant %s: %s", c.from, c.to, c.recognizer, c.translator, c.voice, grade, why, c.grade, c.why)
		}
	}
}

// TestMeasured: the program's results are whole, and each pair's grade is the one that they give.
func TestMeasured(t *testing.T) {
	var strict Results
	d := json.NewDecoder(bytes.NewReader(measured))
	d.DisallowUnknownFields()
	if err := d.Decode(&strict); err != nil {
		t.Fatalf("measured.json: %v: make it anew by livedub bench words --json", err)
	}
	r := Measured()
	if _, err := time.Parse(time.DateOnly, r.Date); err != nil || r.Machine == "" || r.Sentences < 40 {
		t.Errorf("%q, %q, %d sentences", r.Date, r.Machine, r.Sentences)
	}
	for _, p := range r.Pairs {
		if grade, why := r.Grade(p.From, p.To, p.Engines); grade != p.Grade || why != p.Why {
			t.Errorf("%s->%s: %s: %s; the file has %s: %s", p.From, p.To, grade, why, p.Grade, p.Why)
		}
		if p.From == "en" && p.Grade != Rough {
			t.Errorf("%s->%s by rules is %s", p.From, p.To, p.Grade)
		}
	}
	for name := range map[string]bool{"whisper-base": true, "pocketsphinx": true, "kokoro": true, "espeakworker": true, "apertium es->pt": true} {
		if r.Versions[name] == "" {
			t.Errorf("which %s was measured?", name)
		}
	}
	for _, v := range r.Voices {
		if v.WERByOther == nil || *v.WERByOther < 0 || v.FirstMS <= 0 || v.Robot == (v.Name == "kokoro") {
			t.Errorf("%+v", v)
		}
	}
	for _, c := range []struct{ from, to, voice, want string }{
		{"es", "pt", "kokoro", Usable}, {"es", "ca", "espeak-ng", Usable}, {"en", "es", "kokoro", Rough},
	} {
		if got, why := r.Grade(c.from, c.to, Engines{"whisper-base", "apertium", c.voice}); got != c.want || strings.Contains(why, "not measured") {
			t.Errorf("%s->%s: %s: %s", c.from, c.to, got, why)
		}
	}
}
