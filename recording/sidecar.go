package recording

import (
	"maps"
	"slices"
	"time"

	"livedub/session/spec"
	"livedub/store"
)

// Sidecar writes recording.json and transcript.json into a folder, beside the films of
// one source that was dubbed from its beginning to its end, length. The transcript has
// all languages, what was spoken first; m.Languages are the dubs.
func Sidecar(dir string, m Manifest, dubs []spec.DubState, length time.Duration) error {
	m.Version, m.State, m.AIDubbed, m.Notice = 1, store.Whole, true, Notice
	if m.Why != "" {
		m.State = store.CutShort
	}
	source := map[int]store.Phrase{}
	var phrases []store.Phrase
	for _, d := range dubs {
		for _, r := range d.Records {
			p := store.Phrase{
				Epoch: m.ID, Lang: m.From, ID: r.Phrase.ID, SourceLang: string(r.Phrase.Lang), SourceText: r.Phrase.Text,
				Start: r.Phrase.Start, End: r.Phrase.End,
			}
			source[p.ID] = p
			p.Lang, p.Text, p.Outcome, p.Voice = string(d.Lang), r.Text, string(r.Outcome), r.Voice
			if r.Outcome == spec.Played {
				p.DubStart, p.DubEnd = &r.DubStart, &r.DubEnd
				length = max(length, r.DubEnd)
			}
			phrases = append(phrases, p)
		}
	}
	clock := Clock{spans: []span{{0, length}}, began: []time.Duration{0}}
	phrases = slices.AppendSeq(phrases, maps.Values(source))
	transcripts := []Transcript{NewTranscript(m.ID, m.From, m.From, clock, phrases)}
	for _, lang := range m.Languages {
		transcripts = append(transcripts, NewTranscript(m.ID, m.From, lang, clock, phrases))
	}
	d := disk{dir: dir, mode: 0o644}
	if err := d.writeJSON(manifest, m); err != nil {
		return err
	}
	return d.writeJSON(transcriptName, transcripts)
}
