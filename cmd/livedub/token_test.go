package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// ran runs a command and returns its exit code and what it printed.
func ran(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, told bytes.Buffer
	code = run(t.Context(), args, &out, &told)
	return code, strings.TrimSpace(out.String()), told.String()
}

// TestTokenCommand: a token is made without any setting, shown and revoked; its
// signature is not shown, and mistakes name the next step.
func TestTokenCommand(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	code, token, said := ran(t, "token", "create", "--session", "x", "--grant", "watch:es", "--grant", "publish", "--for", "1h")
	if code != 0 || strings.Count(token, ".") != 2 {
		t.Fatalf("%d %q %s", code, token, said)
	}
	inspect := func(token string) (told struct {
		Alg            string
		Valid, Revoked bool
		Why            string
		Claims         struct{ Livedub struct{ Grant []string } }
	}) {
		t.Helper()
		code, out, said := ran(t, "token", "inspect", token)
		if err := json.Unmarshal([]byte(out), &told); code != 0 || err != nil {
			t.Fatalf("%d %s %s", code, out, said)
		}
		if strings.Contains(out+said, token[strings.LastIndexByte(token, '.')+1:]) {
			t.Error("the signature is shown")
		}
		return told
	}
	if told := inspect(token); told.Alg != "HS256" || !told.Valid || told.Revoked || strings.Join(told.Claims.Livedub.Grant, " ") != "watch:es publish" {
		t.Errorf("%+v", told)
	}
	if told := inspect(token[:len(token)-6] + "AAAAAA"); told.Valid || told.Why == "" {
		t.Errorf("altered: %+v", told)
	}
	if code, out, said := ran(t, "token", "revoke", token); code != 0 || strings.Contains(out+said, token) {
		t.Errorf("%d %s %s", code, out, said)
	}
	if told := inspect(token); told.Valid || !told.Revoked {
		t.Errorf("revoked: %+v", told)
	}
	for want, args := range map[string][]string{
		"say what to do":          {},
		"did you mean":            {"creat"},
		"--session and --grant":   {"create", "--session", "x"},
		"grant \"admin\"":         {"create", "--session", "x", "--grant", "admin"},
		"session \"a/b\"":         {"create", "--session", "a/b", "--grant", "watch"},
		"a time to last":          {"create", "--session", "x", "--grant", "watch", "--for", "-1h"},
		"takes no --session":      {"inspect", "--session", "x", token},
		"takes one token":         {"revoke"},
		"this is no signed token": {"inspect", "x"},
		"takes flags alone":       {"create", "x"},
	} {
		if code, _, said := ran(t, append([]string{"token"}, args...)...); code != 2 || !strings.Contains(said, want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%v: %d %s", args, code, said)
		}
	}
}

// TestKeyCommand: a key is told once, and mistakes name the next step.
func TestKeyCommand(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	create := []string{"key", "create", "--name", "studio", "--from", "en", "--to", "es,ca", "--consent", "--delay", "4s"}
	code, key, said := ran(t, create...)
	if code != 0 || !strings.HasPrefix(key, "ldk_") {
		t.Fatalf("%d %s", code, said)
	}
	if code, out, said := ran(t, "key", "ls"); code != 0 || strings.Contains(out, key) || !strings.Contains(out, "studio") || !strings.Contains(out, "es,ca") || !strings.Contains(out, "4s") {
		t.Errorf("%d %s %s", code, out, said)
	}
	var all []struct{ Name, Key string }
	if code, out, _ := ran(t, "key", "ls", "--json"); code != 0 || json.Unmarshal([]byte(out), &all) != nil || len(all) != 1 || all[0].Key != "" {
		t.Errorf("%d %s", code, out)
	}
	if code, again, _ := ran(t, "key", "rotate", "studio"); code != 0 || again == key || !strings.HasPrefix(again, "ldk_") {
		t.Errorf("%d %s", code, again)
	}
	for want, c := range map[string]struct {
		code int
		args []string
	}{
		"there is a stream key of that name": {1, create[1:]},
		"no stream key of that name":         {1, []string{"rm", "nobody"}},
		"say what to do":                     {2, nil},
		"did you mean":                       {2, []string{"remove"}},
		"it takes 1":                         {2, []string{"rm"}},
		"takes no --json":                    {2, []string{"rm", "--json", "studio"}},
		"letters, digits":                    {2, []string{"create", "--name", "a b", "--from", "en", "--to", "es"}},
	} {
		if code, _, said := ran(t, append([]string{"key"}, c.args...)...); code != c.code || !strings.Contains(said, want) {
			t.Errorf("%v: %d %s", c.args, code, said)
		}
	}
	if code, _, said := ran(t, "key", "rm", "studio"); code != 0 {
		t.Error(said)
	}
}
