package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"livedub/internal/config"
	"livedub/internal/doctor"
	"livedub/internal/models"
)

// wantedModels returns the weights that the settings would have: those that the
// engines in force need, and those that auto would take if they were there.
func wantedModels(c config.Config, t tier) (needed, better []string) {
	add := func(name, setting, engine, neural string) {
		switch {
		case engine == neural:
			needed = append(needed, name)
		case setting == "auto" && c.Session.Engines == "auto":
			better = append(better, name)
		}
	}
	add(c.Recognize.Model, c.Recognize.Engine, t.recognizer, "whisper")
	add(voiceModel, c.Speak.Engine, t.voice, "kokoro")
	named := func(model string, engine bool) { // unless it is a folder
		if _, err := os.Stat(model); engine && err != nil && !strings.ContainsRune(model, os.PathSeparator) {
			needed = append(needed, model)
		}
	}
	named(c.Recognize.Model, t.recognizer == "transducer" || t.recognizer == "offline")
	named(c.Speak.Model, t.voice == "piper")
	return needed, better
}

// modelsCheck reads every installed model, and tells which are as they should be,
// which tier they give, and what brings what is missing.
func modelsCheck(ctx context.Context, c config.Config, t tier) doctor.Check {
	needed, better := wantedModels(c, t)
	row := doctor.Check{Name: "weights", Kind: "models", Needed: len(needed) > 0}
	var found, missing []string
	for _, e := range t.store.Entries() {
		wanted := slices.Contains(needed, e.Name) || slices.Contains(better, e.Name)
		_, err := t.store.Verify(ctx, e.Name)
		switch {
		case err == nil && e.Unpinned:
			found = append(found, e.Name+" as it first came")
		case err == nil:
			found = append(found, e.Name+" verified")
		case errors.Is(err, models.ErrMissing):
			if wanted {
				missing = append(missing, e.Name)
			}
		default:
			found = append(found, e.Name+" damaged")
			missing = append(missing, e.Name)
		}
	}
	unknown := false
	for _, name := range needed {
		if _, err := t.store.Entry(name); err != nil {
			found, unknown = append(found, err.Error()), true
		}
	}
	if len(found) == 0 {
		found = []string{"none in " + t.store.Dir()}
	}
	row.Available = len(missing) == 0 && !unknown
	row.Detail = fmt.Sprintf("%s; tier %s: %s hears, %s speaks", strings.Join(found, ", "), t.name, t.recognizer, t.voice)
	switch {
	case unknown:
		row.Install = "livedub models list shows the names that there are"
	case !row.Available:
		row.Install = "livedub models pull " + strings.Join(missing, " ")
	}
	return row
}
