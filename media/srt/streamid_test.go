package srt

import (
	"strings"
	"testing"
)

func TestStreamID(t *testing.T) {
	for id, want := range map[string]string{
		"talk":                                      "talk ",
		"live/talk?from=en&to=es,ca":                "talk from=en&to=es%2Cca",
		"/live/talk":                                "talk ",
		"publish:talk?from=en":                      "talk from=en",
		"talk%3Ffrom%3Den%26to%3Des%2Cca":           "talk from=en&to=es%2Cca",
		"talk?from=en%26to=es":                      "talk from=en&to=es",
		"#!::r=live/talk,m=publish":                 "talk ",
		"#!::m=publish,from=en,to=es,to=ca,r=t":     "t from=en&to=es&to=ca",
		"#!::r=talk?consent=true,u=me,h=x,t=stream": "talk consent=true",
		"":                             " ",
		"~p.x.y":                       "~p.x.y ",
		"read:talk?lang=es":            "reads talk lang=es",
		"#!::r=talk,m=request,lang=es": "reads talk lang=es",
		"play:talk":                    "error",
		"#!::m=play":                   "error",
		"a%zz":                         "error",
		"a?%zz":                        "error",
		"a?x;y=1":                      "error",
	} {
		a, err := parse(id)
		got := a.Name + " " + a.Query.Encode()
		if a.Reads {
			got = "reads " + got
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, %v; want %q", id, got, err, want)
		}
	}
}

func FuzzStreamID(f *testing.F) {
	for _, s := range []string{"talk?from=en&to=es,ca", "#!::r=live/talk,m=publish,from=en", "publish:talk%3Fa%3D1", "#!:{x}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		a, err := parse(id)
		if err == nil && (a.Query == nil || len(a.Name) > len(id)) {
			t.Errorf("%q: %+v", id, a)
		}
		if err != nil && len(id) > 40 && strings.Contains(err.Error(), id) {
			t.Errorf("%q is repeated: %v", id, err)
		}
	})
}
