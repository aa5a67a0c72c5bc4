package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"livedub/internal/bench/words"
	"livedub/internal/grades"
	"livedub/internal/testkit/onnxfile"
	"livedub/internal/testkit/vitstest"
	"livedub/internal/worker/workertest"
)

func TestBenchWordsArguments(t *testing.T) {
	empty := t.TempDir()
	several := filepath.Join(t.TempDir(), "en")
	if err := os.Mkdir(several, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.txt", "a.wav", "a.ogg"} {
		if err := os.WriteFile(filepath.Join(several, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, wrong := range [][]string{
		{"words", "more"}, {"words", "--sentences", "-1"}, {"words", "--pairs", "es"}, {"words", "--pairs", "es:xx"},
		{"words", "--pairs", "es:es"}, {"words", "--pairs", "es:pt:it"}, {"words", "--sentence", "1"},
		{"words", "--recordings", empty}, {"words", "--recordings", filepath.Dir(several)},
	} {
		if code, out, errs := call(t, wrong...); code != 2 || strings.Count(errs, "\n") != 1 || out != "" {
			t.Errorf("%q: exit code %d, %s", wrong, code, errs)
		}
	}
}

// TestBenchWords measures the light engines on two sentences and on a recording.
func TestBenchWords(t *testing.T) {
	dir, err := workertest.Build("espeakworker", "pocketsphinxworker")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	recordings := filepath.Join(t.TempDir(), "en")
	if err := os.Mkdir(recordings, 0o700); err != nil {
		t.Fatal(err)
	}
	const text = "good morning everyone and welcome to the meeting"
	if out, err := exec.CommandContext(t.Context(), "flite", "-voice", "rms", "-t", text, "-o", filepath.Join(recordings, "a.wav")).CombinedOutput(); err != nil {
		t.Fatalf("flite: %v: %s; apt install flite", err, out)
	}
	if err := os.WriteFile(filepath.Join(recordings, "a.txt"), []byte(text+".\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"words", "--pairs", "en:es,en:ca", "--sentences", "2", "--misheard", "--recordings", filepath.Dir(recordings), "--models-dir", t.TempDir(),
		"--speak-worker", filepath.Join(dir, "espeakworker"), "--recognize-worker", filepath.Join(dir, "pocketsphinxworker"),
	}
	code, out, errs := call(t, append(args, "--json")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var r grades.Results
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Pairs) != 2 || r.Pairs[0].ChrF < 20 || r.Pairs[0].Grade != grades.Rough || r.Sentences != 2 || r.Date == "" {
		t.Errorf("%+v", r)
	}
	var heard []string
	for _, o := range r.Recognizers {
		heard = append(heard, o.Name+" "+o.SpokenBy)
		if o.CPUX < .01 || o.CPUX > 10 || o.SpokenBy == grades.People && (o.WER > .3 || o.Words != 8) {
			t.Errorf("%+v", o)
		}
	}
	if want := []string{"pocketsphinx espeak-ng", "pocketsphinx people"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	var voices []string
	for _, v := range r.Voices {
		voices = append(voices, v.Name+" "+v.Lang)
		if (v.Lang == "en") != (v.WERByOther != nil) || !v.Robot {
			t.Errorf("%+v", v)
		}
	}
	if want := []string{"espeak-ng en", "espeak-ng es", "espeak-ng ca"}; !slices.Equal(voices, want) {
		t.Errorf("voices %q, want %q", voices, want)
	}
	if len(r.Skipped) != 2 || !strings.Contains(r.Skipped[0].Why, "livedub models pull whisper-base") || r.Skipped[1].What != "kokoro" {
		t.Errorf("skipped %+v", r.Skipped)
	}
	if r.Versions["espeakworker"] == "" || r.Versions["apertium en->es"] == "" {
		t.Errorf("versions %v", r.Versions)
	}
	if !strings.Contains(errs, "pocketsphinx hears en by people") {
		t.Errorf("said %s", errs)
	}

	code, out, errs = call(t, append(args, "--skip-voices")...)
	for _, want := range []string{"en->ca", "the translation agrees with a person's by", "people", "livedub models pull kokoro"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, errs)
		}
	}
	if strings.Contains(out, "espeak-ng") {
		t.Errorf("a voice was measured:\n%s", out)
	}

	if code, out, errs = call(t, append(slices.Clone(args), "--skip-voices", "--recognize-engine", "off")...); code != 0 || !strings.Contains(out, "does not measure this recognize.engine") {
		t.Errorf("without a recognizer: exit code %d, %s%s", code, out, errs)
	}

	// What the settings name must be there.
	for _, named := range [][]string{
		{"--recognize-engine", "whisper"}, {"--speak-engine", "kokoro"}, {"--recognize-engine", "openai"}, {"--recognize-engine", "openai-realtime"},
		{"--recognize-engine", "transducer"}, {"--recognize-engine", "offline", "--recognize-model", "sensevoice"}, {"--recognize-engine", "offline", "--recognize-model", dir},
		{"--speak-engine", "piper"}, {"--speak-engine", "piper", "--speak-model", dir}, {"--speak-engine", "piper", "--speak-model", "piper-fr-mls"},
	} {
		if code, _, errs := call(t, append(slices.Clone(args), named...)...); code == 0 || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit code %d, %s", named, code, errs)
		}
	}
}

// TestBenchWordsOfOthers measures engines that nothing but the settings name, by nets
// of their kinds. Nothing is skipped, and the list of that is a list.
func TestBenchWordsOfOthers(t *testing.T) {
	dir, err := workertest.Build("espeakworker", "transducerworker")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	voices, streaming, parakeet := t.TempDir(), t.TempDir(), t.TempDir()
	vitstest.Net{}.Write(t, voices, "low", "es_ES", nil)
	for folder, write := range map[string]func(dir string, pieces ...string) error{streaming: onnxfile.Transducer, parakeet: onnxfile.TDT} {
		if err := write(folder, "\u2581good", "\u2581morning"); err != nil {
			t.Fatal(err)
		}
	}
	for engine, model := range map[string]string{"transducer": streaming, "offline": parakeet} {
		code, out, errs := call(t, "words", "--pairs", "es:ca", "--sentences", "1", "--json", "--models-dir", t.TempDir(),
			"--speak-worker", filepath.Join(dir, "espeakworker"), "--speak-engine", "piper", "--speak-model", voices,
			"--recognize-worker", filepath.Join(dir, "transducerworker"), "--recognize-engine", engine, "--recognize-model", model, "--recognize-language", "es")
		if code != 0 {
			t.Fatalf("%s: exit code %d: %s", engine, code, errs)
		}
		var r grades.Results
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Recognizers) == 0 || r.Recognizers[0].Name != filepath.Base(model) || r.Recognizers[0].CPUX <= 0 || len(r.Voices) == 0 || r.Voices[0].Name != "piper" {
			t.Errorf("%s: %+v, %+v", engine, r.Recognizers, r.Voices)
		}
		if !strings.Contains(out, `"skipped": []`) {
			t.Errorf("%s: %s", engine, out)
		}
	}
}

// TestReadSound: a recording at another rate lasts what it lasted.
func TestReadSound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tone.wav")
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=r=44100:d=0.5", path).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	s, err := readSound(t.Context(), path)
	if err != nil || len(s.Data) < 7998 || len(s.Data) > 8002 {
		t.Errorf("%d samples, want 8000; %v", len(s.Data), err)
	}
}

// FuzzPairs: whatever the list, what comes out can be measured.
func FuzzPairs(f *testing.F) {
	for _, list := range []string{"", "es:pt,es:ca", "es:pt es:ca", ":", "es:es", "es:pt:it", "xx:yy"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		pairs, err := readPairs(list)
		for _, p := range pairs {
			if err != nil || p.From == p.To || !slices.Contains(words.Languages, p.From) || !slices.Contains(words.Languages, p.To) {
				t.Errorf("%q: %v, %v", list, pairs, err)
			}
		}
	})
}
