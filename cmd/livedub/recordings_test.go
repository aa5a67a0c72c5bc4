package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/store"
	"livedub/store/files"
)

// recordingFlags returns flags for a store in a new folder with two recordings: a whole
// one, and one that still grows.
func recordingFlags(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	j, err := files.OpenJournal(filepath.Join(dir, "journal"), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) *time.Duration { return &d }
	var b store.Batch
	for i, id := range []string{"first", "second"} {
		r := store.Recording{ID: id, Session: "talk", From: "en", Created: time.Date(2026, 11, 26+i, 12, 0, 0, 0, time.UTC), State: store.Whole}
		for _, lang := range []string{"es", "ca"} {
			r.Languages = append(r.Languages, store.RecordedLanguage{Lang: lang, Duration: time.Minute, Bytes: 2_000_000, Segments: 15, File: lang + "/" + lang + ".mp4"})
			b.Phrases = append(b.Phrases, store.Phrase{Epoch: id, Lang: lang, ID: 1, SourceText: "One", Text: "Uno " + lang, Start: 0, End: time.Second, DubStart: at(0), DubEnd: at(time.Second), Outcome: "played"})
			base := filepath.Join(dir, "recordings", id, lang)
			if err := os.MkdirAll(base, 0o755); err != nil {
				t.Fatal(err)
			}
			take := `{"name":"a","closed":true,"merged":true,"segments":[{"n":1,"at":4000000000,"duration":4000000000,"whole":true}]}`
			for name, text := range map[string]string{"a.json": take, lang + ".mp4": strings.Repeat("film "+lang, 1000)} {
				if id == "second" && name != "a.json" {
					continue
				}
				if err := os.WriteFile(filepath.Join(base, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		if id == "second" {
			r.State = store.Growing
		}
		b.Recordings = append(b.Recordings, r)
		b.Sessions = append(b.Sessions, store.Session{Epoch: id, Name: "talk", From: "en", DelayMS: 4000, Created: r.Created})
	}
	if err := j.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return []string{"--store-dir", dir}
}

func TestRecordings(t *testing.T) {
	flags := recordingFlags(t)
	do := func(code int, args string, want ...string) string {
		t.Helper()
		got, out, errs := call(t, append(append([]string{"recordings"}, strings.Fields(args)...), flags...)...)
		if got != code {
			t.Errorf("%s: exit code %d, want %d: %s%s", args, got, code, out, errs)
		}
		for _, w := range want {
			if !strings.Contains(out+errs, w) {
				t.Errorf("%s: no %q in %s%s", args, w, out, errs)
			}
		}
		return out
	}
	out := do(0, "ls", "ID", "first", "second", "talk", "1m0s", "4 MB", "growing", "es ca")
	if strings.Index(out, "second") > strings.Index(out, "first") {
		t.Errorf("the newest is not the first:\n%s", out)
	}
	var all listed
	if err := json.Unmarshal([]byte(do(0, "ls --json --state whole")), &all); err != nil || len(all.Recordings) != 1 || all.Recordings[0].ID != "first" {
		t.Errorf("%v %+v", err, all)
	}
	if out := do(0, "ls --limit 1"); strings.Contains(out, "first") {
		t.Errorf("one at most:\n%s", out)
	}
	if out := do(0, "ls --since 2026-11-27"); strings.Contains(out, "first") {
		t.Errorf("since:\n%s", out)
	}
	do(0, "ls --lang fr", "nothing is recorded")

	to := filepath.Join(t.TempDir(), "out")
	do(0, "get first -o "+to, "talk-es.mp4: 7 kB", "talk-ca.mp4")
	for name, want := range map[string]string{"talk-es.mp4": "film es", "talk-ca.vtt": "Uno ca", "talk-ca.srt": "Uno ca", "talk-es.json": `"source_text":"One"`} {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Contains(got, []byte(want)) {
			t.Errorf("%s: %v %.200s", name, err, got)
		}
	}
	one := t.TempDir()
	do(0, "get first --lang es -o "+one)
	if found, err := os.ReadDir(one); err != nil || len(found) != 4 {
		t.Errorf("one language: %v %v", found, err)
	}
	do(1, "get first --lang fr -o "+one, `no "fr"`, "es, ca")
	do(1, "get second -o "+one, "is being recorded", "es, ca")
	do(1, "get third -o "+one, "no such recording", "livedub recordings ls")
	do(1, "rm third", "no such recording")
	do(0, "rm first", "first: deleted")
	if _, err := os.Stat(filepath.Join(flags[1], "recordings", "first")); err == nil {
		t.Error("its files are there still")
	}
	do(0, "rm first") // what may be left of it
	do(1, "get first -o "+one, "was deleted")
	if out := do(0, "ls"); strings.Contains(out, "first") {
		t.Errorf("it is listed still:\n%s", out)
	}
	do(0, "repair", "repaired")
}

func TestRecordingsUsage(t *testing.T) {
	flags := recordingFlags(t)
	for args, want := range map[string]string{
		"":                      "say what to do: livedub recordings ls",
		"list":                  "did you mean livedub recordings ls?",
		"ls first":              `what is "first" for?`,
		"get -o x":              "name a recording",
		"get first":             "with -o",
		"get first second -o x": `what is "second" for?`,
		"rm":                    "name a recording",
		"rm ../../etc":          "no recording's ID",
		"rm first --json":       "takes no --json",
		"ls --since yesterday":  "write 2026-11-27",
		"ls --state done":       "--state is growing",
		"ls --lang es,ca":       "one language",
		"repair first":          `what is "first" for?`,
		"ls --jsn":              "did you mean --json?",
	} {
		code, out, errs := call(t, append(append([]string{"recordings"}, strings.Fields(args)...), flags...)...)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: code %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}
