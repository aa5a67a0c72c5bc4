package main

import (
	"path/filepath"
	"time"

	"livedub/recording"
	"livedub/session/spec"
)

// sidecar says beside the films what they are and what is said in them.
func (j *dubJob) sidecar(began time.Time, names spec.EngineNames, st spec.State, failed error) error {
	m := recording.Manifest{
		Session: j.title(), From: string(j.from), Created: began.UTC().Round(time.Millisecond), Ended: time.Now().UTC().Round(time.Millisecond),
		Consent: st.Consent.At.UTC(), Engines: engineNames(names),
	}
	if failed != nil {
		m.Why = failed.Error()
	}
	for _, to := range j.to {
		m.Languages = append(m.Languages, string(to))
	}
	return recording.Sidecar(j.out, m, st.Dubs, st.Ended)
}

// title is what a film is called that is dubbed.
func (j *dubJob) title() string { return filepath.Base(j.in) }

// engineNames are the engines by their stages, as a recording names them.
func engineNames(n spec.EngineNames) map[string]string {
	return map[string]string{"recognizer": n.Recognizer, "translator": n.Translator, "voice": n.Voice}
}
