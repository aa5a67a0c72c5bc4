package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/config"
)

// TestDoctorOnModels: which are there and whole, and what brings those that are not.
func TestDoctorOnModels(t *testing.T) {
	flags := modelFlags(t)
	c := config.Default()
	c.Models.Dir, c.Models.Catalogue = flags[1], flags[3]
	pull := func(args ...string) {
		t.Helper()
		if code, _, errs := call(t, append(append([]string{"models", "pull"}, args...), flags...)...); code != 0 {
			t.Fatal(errs)
		}
	}
	check := func(what string, needed, available bool, detail, install string) {
		t.Helper()
		tier, err := chooseTier(c)
		if err != nil {
			t.Fatal(err)
		}
		row := modelsCheck(t.Context(), c, tier)
		if row.Needed != needed || row.Available != available || !strings.Contains(row.Detail, detail) || row.Install != install {
			t.Errorf("%s: %+v", what, row)
		}
	}
	check("nothing there", false, false, "none in "+flags[1]+"; tier light", "livedub models pull whisper-base kokoro")
	c.Session.Engines = "light"
	check("nothing wanted", false, true, "none in", "")
	pull("voice")
	pull("--trust-first-use", "loose")
	check("there", false, true, "voice verified, loose as it first came", "")
	c.Speak.Engine, c.Speak.Model = "piper", "voice"
	check("needed and there", true, true, "piper speaks", "")
	if err := os.WriteFile(filepath.Join(flags[1], "voice", "voice.onnx"), []byte("A VOICE"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("damaged", true, false, "voice damaged", "livedub models pull voice")
	c.Speak.Model = "research"
	check("missing", true, false, "voice damaged", "livedub models pull voice research")
	c.Speak.Model = "vioce"
	check("mistyped", true, false, "no model of that name", "livedub models list shows the names that there are")
	c.Session.Engines, c.Speak.Engine = "neural", "auto"
	check("the neural tier", true, false, "whisper hears, kokoro speaks", "livedub models pull whisper-base kokoro voice")
}
