package wish

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name       string
		attributes map[string]string
		metadata   string
		want       Wish
	}{
		{"nothing", nil, "", Wish{}},
		{"attributes", map[string]string{Consent: "true", From: "en", Lang: "es, pt,es", Video: "true"}, "",
			Wish{Consent: true, From: "en", Langs: []string{"es", "pt"}, Video: true}},
		{"metadata", nil, `{"role":"guest","livedub":{"consent":true,"from":"en","lang":"ca","video":"true"}}`,
			Wish{Consent: true, From: "en", Langs: []string{"ca"}, Video: true}},
		{"revoked by attribute", map[string]string{Consent: "false"}, `{"livedub":{"consent":true}}`, Wish{}},
		{"no words of consent but true", map[string]string{Consent: "yes"}, `{"livedub":{"consent":1}}`, Wish{}},
		{"no language", map[string]string{Lang: "../es,ES,e,<b>", From: "english"}, "", Wish{}},
		{"too many", map[string]string{Lang: "aa,bb,cc,dd,ee,ff"}, "", Wish{Langs: []string{"aa", "bb", "cc", "dd"}}},
		{"no JSON", nil, `livedub consent`, Wish{}},
		{"odd JSON", nil, `{"livedub":[1]}`, Wish{}},
		{"a connector", map[string]string{Bot: "true", Consent: "true"}, "", Wish{Consent: true, Skip: true}},
	} {
		if got := Read(tt.attributes, tt.metadata); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("es,pt", "true", `{"livedub":{"consent":true,"lang":"es"}}`)
	f.Fuzz(func(t *testing.T, lang, consent, metadata string) {
		w := Read(map[string]string{Lang: lang, Consent: consent}, metadata)
		if len(w.Langs) > maxLangs || !slices.IsSorted(w.Langs) {
			t.Fatalf("%q", w.Langs)
		}
		for _, l := range w.Langs {
			if !Language(l) {
				t.Fatalf("%q is no language", l)
			}
		}
		if consent == "false" && w.Consent {
			t.Fatal("consent against the participant's word")
		}
	})
}

// speaks returns somebody who may be dubbed, with camera.
func speaks(id string) Person {
	return Person{Identity: id, Wish: Wish{Consent: true}, Mic: "mic-" + id, Camera: "cam-" + id, Spoke: time.Unix(100, 0)}
}

func hears(id string, video bool, langs ...string) Person {
	return Person{Identity: id, Wish: Wish{Langs: langs, Video: video}}
}

func TestPlan(t *testing.T) {
	changed := func(p Person, f func(*Person)) Person { f(&p); return p }
	rules := Rules{From: "en", Now: time.Unix(100, 0)}
	for _, tt := range []struct {
		name   string
		people []Person
		rules  func(*Rules)
		want   State // of ana
	}{
		{"asked", []Person{speaks("ana"), hears("ben", false, "es")}, nil,
			State{Why: Dubbed, Dub: &Dub{From: "en", To: []string{"es"}, Mic: "mic-ana"}}},
		{"seen", []Person{speaks("ana"), hears("ben", false, "pt"), hears("eva", true, "es")}, nil,
			State{Why: Dubbed, Dub: &Dub{From: "en", To: []string{"es", "pt"}, Video: []string{"es"}, Mic: "mic-ana", Camera: "cam-ana"}}},
		{"not for themselves", []Person{changed(speaks("ana"), func(p *Person) { p.Wish.Langs = []string{"es"} })}, nil, State{Why: NotAsked}},
		{"the language that they speak", []Person{changed(speaks("ana"), func(p *Person) { p.Wish.From = "es" }), hears("ben", false, "es")}, nil, State{Why: NotAsked}},
		{"by nobody who is a program", []Person{speaks("ana"), changed(hears("rec", false, "es"), func(p *Person) { p.Program = true })}, nil, State{Why: NotAsked}},
		{"without consent", []Person{changed(speaks("ana"), func(p *Person) { p.Wish.Consent = false }), hears("ben", false, "es")}, nil, State{Why: NoConsent}},
		{"marked", []Person{changed(speaks("ana"), func(p *Person) { p.Wish.Skip = true }), hears("ben", false, "es")}, nil, State{Why: Skipped}},
		{"refused", []Person{changed(speaks("ana"), func(p *Person) { p.Refused = "encrypted" }), hears("ben", false, "es")}, nil, State{Why: "encrypted"}},
		{"no voice", []Person{changed(speaks("ana"), func(p *Person) { p.Mic = "" }), hears("ben", false, "es")}, nil, State{Why: NoVoice}},
		{"not allowed", []Person{speaks("ana"), hears("ben", false, "es")}, func(r *Rules) { r.To = []string{"ca"} }, State{Why: NotAsked}},
		{"no such pair", []Person{speaks("ana"), hears("ben", false, "es", "ca")}, func(r *Rules) { r.Pairs = func(_, to string) bool { return to == "ca" } },
			State{Why: Dubbed, Dub: &Dub{From: "en", To: []string{"ca"}, Mic: "mic-ana"}}},
		{"quiet", []Person{speaks("ana"), hears("ben", false, "es")}, func(r *Rules) { r.Quiet, r.Now = time.Minute, time.Unix(161, 0) }, State{Why: Silent, Listen: "mic-ana"}},
		{"not the last who spoke", []Person{speaks("ana"), changed(speaks("eva"), func(p *Person) { p.Spoke = time.Unix(120, 0) }), hears("ben", false, "es")},
			func(r *Rules) { r.Speakers, r.Now = 1, time.Unix(121, 0) }, State{Why: TooMany, Listen: "mic-ana"}},
		{"who may speak, where another does", []Person{changed(speaks("ana"), func(p *Person) { p.Spoke, p.Unheard, p.Dubbed = time.Unix(121, 0), true, true }), changed(speaks("eva"), func(p *Person) { p.Spoke = time.Unix(120, 0) }), hears("ben", false, "es")},
			func(r *Rules) { r.Speakers, r.Now = 1, time.Unix(121, 0) }, State{Why: TooMany, Listen: "mic-ana"}},
		{"the last who spoke", []Person{changed(speaks("ana"), func(p *Person) { p.Spoke = time.Unix(120, 0) }), speaks("eva"), hears("ben", false, "es")},
			func(r *Rules) { r.Speakers, r.Now = 1, time.Unix(121, 0) }, State{Why: Dubbed, Dub: &Dub{From: "en", To: []string{"es"}, Mic: "mic-ana"}}},
		{"of two who speak, who is not dubbed yet, nor first by name", []Person{speaks("ana"), changed(speaks("aba"), func(p *Person) { p.Spoke = time.Unix(103, 0) }), hears("ben", false, "es")},
			func(r *Rules) { r.Speakers, r.Now = 1, time.Unix(104, 0) }, State{Why: TooMany, Listen: "mic-ana"}},
		{"who is dubbed, and pauses while another speaks", []Person{changed(speaks("ana"), func(p *Person) { p.Dubbed = true }), changed(speaks("aba"), func(p *Person) { p.Spoke = time.Unix(103, 0) }), hears("ben", false, "es")},
			func(r *Rules) { r.Speakers, r.Now = 1, time.Unix(104, 0) }, State{Why: Dubbed, Dub: &Dub{From: "en", To: []string{"es"}, Mic: "mic-ana"}}},
	} {
		r := rules
		if tt.rules != nil {
			tt.rules(&r)
		}
		if got := Plan(tt.people, r)["ana"]; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v %+v, want %+v %+v", tt.name, got, got.Dub, tt.want, tt.want.Dub)
		}
	}
}

func TestHears(t *testing.T) {
	ben := hears("ben", false, "es")
	if !ben.Hears("ana", "es") || ben.Hears("ana", "pt") || ben.Hears("ben", "es") {
		t.Error("Ben hears the others in Spanish, and himself never")
	}
	if !Marked("music nodub") || !Marked("NODUB") || Marked("mic") {
		t.Error("marks")
	}
}
