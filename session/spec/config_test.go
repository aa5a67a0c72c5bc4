package spec

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
)

// TestDecoder: hardware that holds frames back is for sessions with the time for it.
func TestDecoder(t *testing.T) {
	c := Config{Delay: 4 * time.Second, Video: VideoConfig{Decoder: "nvdec"}}
	if got := c.Decoder(); got != "nvdec" {
		t.Errorf("with %v: %q", c.Delay, got)
	}
	if c.Delay = 120 * time.Millisecond; c.Decoder() != "cpu" {
		t.Errorf("with %v: %q", c.Delay, c.Decoder())
	}
}

// TestMaxLate: how long after its place a dub may start, by profile and engines.
func TestMaxLate(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		c    Config
		want time.Duration
	}{
		{Config{Profile: Sync, Delay: 4 * s}, 2500 * time.Millisecond},
		{Config{Profile: Sync, Delay: 4 * s, Neural: true}, 2500 * time.Millisecond},
		{Config{Profile: Sync, Delay: 4 * s, MaxLag: s}, s},
		{Config{Profile: Live, Delay: s / 2}, 3500 * time.Millisecond},
		{Config{Profile: Live, Delay: s / 2, Neural: true}, 5500 * time.Millisecond},
		{Config{Profile: Live, Delay: s / 2, Neural: true, MaxLag: 3 * s}, 2500 * time.Millisecond},
		{Config{Profile: Live, Delay: 5 * s, MaxLag: 3 * s}, 0},
	} {
		if got := c.c.MaxLate(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.c, got, c.want)
		}
	}
}

// TestAuto: a language that is told by ear is one that can be dubbed to a target.
func TestAuto(t *testing.T) {
	e := Engines{
		Recognizer: hears{"es", "fr", "en", inference.Auto}, Synthesizer: &fake.Synthesizer{},
		Translator: &fake.Translator{Directions: []inference.Pair{{From: "es", To: "ca"}, {From: "fr", To: "es"}, {From: "en", To: "ca"}, {From: "it", To: "ca"}}},
	}
	c := Config{Profile: Live, From: inference.Auto, To: []inference.Lang{"ca"}}
	if err := c.Check(e); err != nil {
		t.Fatal(err)
	}
	l := c.Listening(e, c.To)
	if l.Lang != inference.Auto || l.Policy != inference.LocalAgreement || !slices.Equal(l.Among, []inference.Lang{"es", "en"}) {
		t.Errorf("%+v", l)
	}
	// Of other targets others are, and those that are spoken themselves.
	if got := c.Among(e, []inference.Lang{"es", "pt"}); !slices.Equal(got, []inference.Lang{"fr", "es"}) {
		t.Errorf("%v", got)
	}
	for name, bad := range map[string]Config{
		"no such target":   {Profile: Live, From: inference.Auto, To: []inference.Lang{"pt"}},
		"one such target":  {Profile: Live, From: inference.Auto, To: []inference.Lang{"ca", "pt"}},
		"no such policy":   {Profile: Live, From: "es", To: []inference.Lang{"ca"}, Policy: "now"},
		"a lag of an hour": {Profile: Live, From: "es", To: []inference.Lang{"ca"}, MaxLag: time.Hour},
	} {
		if bad.Check(e) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	e.Recognizer = hears{"es"}
	if err := c.Check(e); !errors.Is(err, inference.ErrUnsupported) {
		t.Errorf("a recognizer that tells no languages: %v", err)
	}
}

// hears is a recognizer of some languages.
type hears []inference.Lang

func (h hears) Languages() []inference.Lang { return h }
func (h hears) Open(context.Context, inference.Listening) (inference.RecognizerStream, error) {
	return nil, errors.New("not here")
}
func (h hears) Close() error { return nil }
