package hls

import (
	"strconv"
	"strings"
	"testing"

	"livedub/internal/testkit/hlstest"
)

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Error(err)
	}
	return n
}

// TestMultivariant: languages with pictures of their own are variants, in order, and none
// is better than another; those that share a picture are sounds of one.
func TestMultivariant(t *testing.T) {
	l := Layout{Notice: `a "notice"`}
	for _, lang := range []string{"es", "ca", "en"} {
		e := newEdge(t)
		e.segments(1, 3)
		e.Video.rate = 25
		l.Languages = append(l.Languages, Language{Lang: lang, Name: lang + " name", Original: lang == "en", Path: lang + "/", Stream: e.Stream})
	}
	l.Captions = l.Languages
	silent := newEdge(t)
	for i := range 5 {
		silent.part(silent.Video, 1, i)
	}
	read := func(l Layout) hlstest.Multivariant {
		t.Helper()
		m, err := hlstest.ReadMultivariant(Multivariant(l))
		if err != nil {
			t.Fatalf("%v\n%s", err, Multivariant(l))
		}
		return m
	}
	own := read(l)
	if own.Data["com.livedub.ai-dubbed"] != "a notice" || len(own.Variants) != 3 || len(own.Media) != 6 {
		t.Errorf("%+v", own)
	}
	rates := []string{"25.000", "25.0000", "25.00000"} // no two variants alike
	for i, v := range own.Variants {
		lang := l.Languages[i].Lang
		if v.URI != lang+"/video.m3u8" || v.Attributes["AUDIO"] != "sound-"+lang || v.Attributes["FRAME-RATE"] != rates[i] || v.Attributes["RESOLUTION"] != "320x180" || v.Attributes["CODECS"] != "video,audio" {
			t.Errorf("%+v", v)
		}
		if i > 0 {
			before := own.Variants[i-1].Attributes
			if v.Attributes["BANDWIDTH"] != before["BANDWIDTH"] || number(t, v.Attributes["AVERAGE-BANDWIDTH"]) >= number(t, before["AVERAGE-BANDWIDTH"]) {
				t.Errorf("%s is better than the one before", lang)
			}
		}
		if made := own.Media[i]["CHARACTERISTICS"] == "public.machine-generated"; made == (lang == "en") {
			t.Errorf("%+v", own.Media[i])
		}
	}
	l.Shared = true
	one := read(l)
	if len(one.Variants) != 1 || one.Variants[0].URI != "es/video.m3u8" || one.Variants[0].Attributes["AUDIO"] != one.Media[2]["GROUP-ID"] || one.Media[2]["URI"] != "en/audio.m3u8" || one.Media[0]["DEFAULT"] != "YES" || one.Media[1]["DEFAULT"] != "NO" {
		t.Errorf("%+v", one)
	}
	mute := read(Layout{Languages: []Language{{Lang: "es", Name: "es", Stream: silent.Stream}}})
	if len(mute.Media) != 0 || mute.Variants[0].Attributes["AUDIO"] != "" || strings.Contains(mute.Variants[0].Attributes["CODECS"], "audio") {
		t.Errorf("%+v", mute)
	}
	deaf := newEdge(t)
	for i := range 5 {
		deaf.part(deaf.Audio, 1, i)
	}
	voice := read(Layout{Languages: []Language{{Lang: "es", Name: "es", Path: "es/", Stream: deaf.Stream}}})
	if voice.Variants[0].URI != "es/audio.m3u8" || voice.Variants[0].Attributes["RESOLUTION"] != "" {
		t.Errorf("%+v", voice)
	}
}
