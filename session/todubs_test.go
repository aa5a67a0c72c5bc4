package session

import (
	"context"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media/pace"
	"livedub/session/spec"
)

// TestOwnVoiceEndsItsCaption: a phrase that is left out because it was a dub has a
// final caption as well, which says so; its language is told as of any other.
func TestOwnVoiceEndsItsCaption(t *testing.T) {
	s, err := New(spec.Config{From: inference.Auto, To: []inference.Lang{"es"}, Profile: spec.Sync}, spec.Engines{}, pace.NewVirtual())
	if err != nil {
		t.Fatal(err)
	}
	r := s.Records().From(1)
	defer r.Close()
	p := inference.Phrase{ID: 1, Lang: "en", Text: "wen as", Start: time.Second, End: 2 * time.Second}
	toDubs{s}.Phrase(context.Background(), p, p.End)
	p.Text, p.Final = "when as", true
	toDubs{s}.OwnVoice(p)
	var told []spec.Caption
	for range 2 {
		got, err := r.Next(t.Context())
		if err != nil || got.Caption() == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		told = append(told, *got.Caption())
	}
	if len(told) != 2 || told[0].Final || told[0].Skipped || !told[1].Final || !told[1].Skipped || told[1].ID != told[0].ID || told[1].Lang != inference.Auto || told[1].Spoken != "en" {
		t.Errorf("%+v", told)
	}
}
