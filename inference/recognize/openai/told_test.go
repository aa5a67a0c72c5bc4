package openai

import "testing"

// TestTold: servers name a language by its code (speaches) or in English (OpenAI).
func TestTold(t *testing.T) {
	m := &Model{c: Config{Languages: []string{"en", "es", "ko"}}}
	for name, want := range map[string]string{"es": "es", "spanish": "es", "Korean": "ko", "english": "en", "french": "", "": ""} {
		if got := m.told(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
