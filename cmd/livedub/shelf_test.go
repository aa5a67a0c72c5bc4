package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/store/files"
	"livedub/store/mouths"
)

// request sends a request with a body and a bearer, "" for none, and reads the answer into v.
func request(t *testing.T, method, url, body, bearer string, v any) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
	}
	return resp.StatusCode, string(b)
}

type madeSession struct {
	Control string
	Key     string `json:"mouths_key"`
	Kept    *struct {
		State, Why string
		Keeps      bool
	} `json:"kept_mouths"`
}

// TestKeptMouthsOfServer: a server that keeps mouths gives a key where it is asked to keep
// some, says what it finds under one, and erases; the log tells no key, and no address does.
func TestKeptMouthsOfServer(t *testing.T) {
	dir := t.TempDir()
	url, stop := startServer(t, "--store-dir", dir, "--lips-keep", "720h")
	var offer struct{ Mouths bool }
	if request(t, "GET", url+"/v1/languages", "", "", &offer); !offer.Mouths {
		t.Error("the server does not offer to keep mouths")
	}
	create := func(more string) (out madeSession, status int, text string) {
		status, text = request(t, "POST", url+"/v1/sessions", `{"from":"en","to":["es"]`+more+`}`, "", &out)
		return out, status, text
	}
	for more, want := range map[string]string{
		`,"keep_mouths":true`:                                                 "consent",
		`,"mouths_key":"` + mouths.NewKey() + `"`:                             "consent",
		`,"consent":true,"mouths_key":"hush-hush"`:                            "no key of mouths",
		`,"consent":true,"keep_mouths":true,"mouths_key":"hush-hush"`:         "no key of mouths",
		`,"consent":true,"keep_mouths":"yes"`:                                 "keep_mouths",
		`,"consent":true,"mouths_key":"` + strings.Repeat("A", 60_000) + `"}`: "no key of mouths",
	} {
		if _, status, text := create(strings.TrimSuffix(more, "}")); status != 400 || !strings.Contains(text, want) || strings.Contains(text, "hush-hush") {
			t.Errorf("%.90s: %d %.200s", more, status, text)
		}
	}
	plain, status, text := create(`,"consent":true`)
	if status != 201 || strings.Contains(text, "mouths") || plain.Key != "" {
		t.Errorf("%d %s", status, text)
	}
	first, status, text := create(`,"consent":true,"keep_mouths":true`)
	if status != 201 || len(first.Key) != 43 || strings.Contains(first.Control, first.Key) {
		t.Fatalf("%d %s", status, text)
	}
	kept := func(s madeSession) string {
		t.Helper()
		for range 100 {
			var is madeSession
			if _, text := request(t, "GET", s.Control, "", "", &is); strings.Contains(text, s.Key) && s.Key != "" {
				t.Errorf("the session tells the key: %s", text)
			}
			if is.Kept == nil {
				t.Fatal("it does not tell of kept mouths")
			}
			if is.Kept.State != "loading" && is.Kept.State != "not available" {
				return is.Kept.State + " " + is.Kept.Why
			}
			time.Sleep(50 * time.Millisecond)
		}
		return "for ever loading"
	}
	if got := kept(first); got != "none no mouths are kept under this key" {
		t.Errorf("with a new key: %s", got)
	}
	wrong, status, text := create(`,"consent":true,"mouths_key":"` + mouths.NewKey() + `"`)
	if status != 201 || wrong.Key != "" || kept(wrong) != "none no mouths are kept under this key" {
		t.Errorf("with a key that fits nothing: %d %s", status, text)
	}
	for key, want := range map[string]int{"": 400, "hush-hush": 400, mouths.NewKey(): 404, first.Key: 204} {
		if status, text := request(t, "DELETE", url+"/v1/mouths", "", key, nil); status != want || strings.Contains(text, "hush-hush") {
			t.Errorf("erase by %q: %d %s, want %d", key, status, text, want)
		}
	}
	if got := kept(first); got != "erased " {
		t.Errorf("after it was erased: %s", got)
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(first.Key)) {
			t.Errorf("%s has the key", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNoMouthsKept: by default no server keeps mouths, and says so.
func TestNoMouthsKept(t *testing.T) {
	url, stop := startServer(t, "--store-dir", t.TempDir())
	defer stop()
	if status, text := request(t, "POST", url+"/v1/sessions", `{"from":"en","to":["es"],"consent":true,"keep_mouths":true}`, "", nil); status != 400 || !strings.Contains(text, "lips.keep") {
		t.Errorf("%d %s", status, text)
	}
	var made madeSession
	if status, text := request(t, "POST", url+"/v1/sessions", `{"from":"en","to":["es"],"consent":true,"mouths_key":"`+mouths.NewKey()+`"}`, "", &made); status != 201 {
		t.Errorf("%d %s", status, text)
	}
	if status, text := request(t, "GET", made.Control, "", "", &made); status != 200 || made.Kept == nil || made.Kept.State != "off" {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := request(t, "DELETE", url+"/v1/mouths", "", mouths.NewKey(), nil); status != 404 {
		t.Errorf("erase: %d", status)
	}
	for _, args := range [][]string{{"--store", "none"}, {"--lips-engine", "off"}} {
		var said bytes.Buffer
		if code := run(t.Context(), append([]string{"serve", "--lips-keep", "1h"}, args...), io.Discard, &said); code != 2 || !strings.Contains(said.String(), "--lips-keep") {
			t.Errorf("%v: %d %s", args, code, &said)
		}
	}
}

// TestMouthsCommand lists and erases what is kept.
func TestMouthsCommand(t *testing.T) {
	dir := t.TempDir()
	o, err := files.OpenObjects(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	shelf := mouths.New(mouths.Config{Objects: o})
	for range 3 {
		p, err := shelf.Place(mouths.NewKey())
		if err != nil {
			t.Fatal(err)
		}
		p.Leave([]byte("mouths"))
	}
	shelf.Close()
	does := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"mouths", "--store-dir", dir}, args...), &out, &errs); code != want {
			t.Errorf("%v: exit code %d, want %d: %s", args, code, want, &errs)
		}
		return out.String()
	}
	var listed struct {
		Mouths []struct {
			Name  string
			Bytes int
			At    time.Time
		}
	}
	if err := json.Unmarshal([]byte(does(0, "ls", "--json")), &listed); err != nil || len(listed.Mouths) != 3 || listed.Mouths[0].Bytes == 0 || time.Since(listed.Mouths[0].At) > time.Hour {
		t.Fatalf("%+v, %v", listed, err)
	}
	name := listed.Mouths[0].Name
	if out := does(0, "ls"); !strings.Contains(out, name) {
		t.Error(out)
	}
	for _, args := range [][]string{{}, {"lss"}, {"ls", name}, {"rm"}, {"rm", "--all", name}, {"rm", "../x"}, {"rm", "--older-than", "-1h"}, {"rm", "--all", "--json"}} {
		does(2, args...)
	}
	does(1, "rm", strings.Repeat("0", 64))
	does(0, "rm", "--older-than", "1h")
	if out := does(0, "rm", name); out != "1 erased\n" {
		t.Error(out)
	}
	if out := does(0, "rm", "--all"); out != "2 erased\n" {
		t.Error(out)
	}
	if out := does(0, "ls"); !strings.Contains(out, "no mouths are kept") {
		t.Error(out)
	}
}
