package recording

import (
	"maps"
	"slices"
	"time"

	"livedub/store"
)

// markerName is the file by which a node knows what it has yet to finish. It stays on
// that node.
const markerName = ".unfinished"

func markerKey(id string) string { return Dir(id) + markerName }

// marker is what a node remembers of a recording until nothing more is to be done for it.
type marker struct {
	Manifest Manifest  `json:"manifest"`
	Lost     string    `json:"lost,omitempty"`  // why something is missing
	Merged   time.Time `json:"merged,omitzero"` // when the MP4s were made, and the segments needed no more
	Again    bool      `json:"again,omitempty"` // not all takes were there when they were
	Told     bool      `json:"told,omitempty"`  // captions and transcripts are by the call's own records
}

// row returns the manifest as the journal has it, without its languages.
func (m Manifest) row() store.Recording {
	return store.Recording{
		ID: m.ID, Session: m.Session, From: m.From, Created: m.Created, Ended: m.Ended, State: m.State, Why: m.Why,
		Consent: m.Consent, Engines: m.Engines, Fence: m.Fence,
	}
}

// languageRows tells what was recorded of each language.
func languageRows(from string, takes map[string][]Take) (out []store.RecordedLanguage) {
	for _, lang := range slices.Sorted(maps.Keys(takes)) {
		row := store.RecordedLanguage{Lang: lang, Original: lang == from}
		for _, p := range Line(takes[lang]) {
			row.Duration += p.To - p.From
			row.Bytes += p.Segment.Bytes
			row.Segments++
		}
		if row.Segments > 0 {
			out = append(out, row)
		}
	}
	return out
}
