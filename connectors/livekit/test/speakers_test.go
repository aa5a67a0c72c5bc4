package test

import "testing"

// TestSpeakers: of those who tell how loud they are, who spoke last is dubbed, and who has
// been silent for long is dubbed when they speak again.
func TestSpeakers(t *testing.T) {
	s := play(t, "--room", "demo", "--speakers", "1", "--quiet", "20s")
	people := map[string]*person{}
	for _, name := range []string{"ana", "eva"} {
		p := s.come(t, "demo", name, map[string]string{"livedub.consent": "true"})
		p.level.Store(silent)
		p.speak(t, false)
		people[name] = p
	}
	ana, eva := people["ana"], people["eva"]
	ana.level.Store(loud)
	ben := s.come(t, "demo", "ben", map[string]string{"livedub.lang": "es"})
	t.Cleanup(func() {
		if t.Failed() {
			state, _ := ben.state()
			t.Logf("shown: %+v", state)
		}
	})
	eventually(t, "Ana, who speaks, is dubbed", ben.sees("ana", "dubbed"))
	eventually(t, "Ben hears and reads her", func() bool { return ben.ear("ana-es", "audio") != nil && len(ben.said("es")) > 6 })
	ana.level.Store(silent)
	eva.level.Store(loud)
	eventually(t, "Eva, who speaks now, is dubbed", ben.hears("eva-es"))
	before := len(ben.said("es"))
	eventually(t, "and read", func() bool { return len(ben.said("es")) > before+6 })
	eventually(t, "Ana is not, as one alone is dubbed", func() bool {
		state, ok := ben.state()
		return ok && state.Speakers["ana"].State != "dubbed"
	})
	eva.level.Store(silent)
	const quiet = "quiet for long: dubbed again when they speak"
	eventually(t, "after a while nobody is", func() bool { return ben.sees("ana", quiet)() && ben.sees("eva", quiet)() })
	eventually(t, "and no session is left", func() bool { return s.sessions(t) == 0 })
	ana.level.Store(loud)
	eventually(t, "who speaks again is dubbed again", ben.hears("ana-es"))
}
