package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const epoch = "5f0c7e0a-8a54-4c7b-9f2d-0d8c1c5f3b11"

var now = time.Unix(1_790_000_000, 0)

func key(t testing.TB, secret string) Key {
	t.Helper()
	k, err := NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMintAndCheck(t *testing.T) {
	k, other := key(t, strings.Repeat("k", 32)), key(t, strings.Repeat("l", 32))
	for _, c := range []Capability{
		{Role: Publish, Expires: now.Add(time.Hour)},
		{Role: Watch, Expires: now.Add(time.Second)},
		{Role: Watch, Lang: "es", Expires: now.Add(24 * 365 * time.Hour)},
		{Role: Watch, Lang: "abcdefgh", Expires: now.Add(time.Hour)},
		{Role: Control, Expires: now.Add(time.Hour)},
	} {
		token := k.Mint(epoch, c)
		if got, err := k.Check(epoch, token, now); err != nil || got != c {
			t.Errorf("%s: got %+v, %v, want %+v", token, got, err, c)
		}
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || len(token) > maxToken {
			t.Errorf("%q cannot stand in a URL as it is", token)
		}
		for name, check := range map[string]func() (Capability, error){
			"another session": func() (Capability, error) { return k.Check("another", token, now) },
			"no session":      func() (Capability, error) { return k.Check("", token, now) },
			"another key":     func() (Capability, error) { return other.Check(epoch, token, now) },
			"no key":          func() (Capability, error) { return Key{}.Check(epoch, token, now) },
		} {
			if got, err := check(); !errors.Is(err, ErrInvalid) || got != (Capability{}) {
				t.Errorf("%s with %s: %+v, %v", token, name, got, err)
			}
		}
		if _, err := k.Check(epoch, token, c.Expires); !errors.Is(err, ErrExpired) {
			t.Errorf("%s at its expiry: %v", token, err)
		}
	}
	if token := (Key{}).Mint(epoch, Capability{Role: Control, Expires: now.Add(time.Hour)}); token != "" {
		t.Errorf("no key mints %q", token)
	}
}

// TestAltered changes every byte of a token to every other.
func TestAltered(t *testing.T) {
	k := RandomKey()
	token := k.Mint(epoch, Capability{Role: Watch, Lang: "es", Expires: now.Add(time.Hour)})
	for i := range token {
		for b := range 256 {
			if byte(b) == token[i] {
				continue
			}
			altered := token[:i] + string([]byte{byte(b)}) + token[i+1:]
			if c, err := k.Check(epoch, altered, now); err == nil {
				t.Fatalf("%q passes as %+v", altered, c)
			}
		}
	}
}

func TestJoinAndCut(t *testing.T) {
	for segment, want := range map[string][2]string{"talk": {"talk", ""}, "talk~p.1.x": {"talk", "p.1.x"}, "~": {"", ""}, "a~b~c": {"a", "b~c"}} {
		if name, token := Cut(segment); [2]string{name, token} != want {
			t.Errorf("%s: %q %q", segment, name, token)
		}
	}
	if Join("talk", "") != "talk" || Join("talk", "p.1.x") != "talk~p.1.x" {
		t.Error(Join("talk", ""), Join("talk", "p.1.x"))
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "key")
	keys := make([]Key, 8)
	var all sync.WaitGroup
	for i := range keys { // as servers that start together do
		all.Go(func() {
			var err error
			if keys[i], _, err = LoadOrMake(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, k := range keys {
		if string(k.secret) != string(keys[0].secret) || len(k.secret) == 0 {
			t.Fatal("servers that start together have different keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("left beside the key: %v", left)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if k, exposed, err := LoadOrMake(path); err != nil || !exposed || string(k.secret) != string(keys[0].secret) {
		t.Errorf("exposed %v, %v", exposed, err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrMake(path); err == nil || !strings.Contains(err.Error(), "remove the file") || strings.Contains(err.Error(), "short:") {
		t.Errorf("%v", err)
	}
	if _, _, err := LoadOrMake(filepath.Join(path, "below", "a", "file")); err == nil {
		t.Error("a key below a file")
	}
}

func TestStateFile(t *testing.T) {
	for _, c := range []struct{ systemd, xdg, want string }{
		{"/var/lib/livedub:/other", "/x", "/var/lib/livedub/access.key"},
		{"", "/x", "/x/livedub/access.key"},
		{"", "relative", "/home/ana/.local/state/livedub/access.key"},
	} {
		t.Setenv("STATE_DIRECTORY", c.systemd)
		t.Setenv("XDG_STATE_HOME", c.xdg)
		t.Setenv("HOME", "/home/ana")
		if got, err := StateFile(); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
	t.Setenv("HOME", "")
	if got, err := StateFile(); err == nil {
		t.Errorf("without a home: %s", got)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := RandomKey()
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, k); s != "[key]" {
			t.Errorf("%s prints %s", format, s)
		}
	}
	if _, err := NewKey("too short a secret"); err == nil || strings.Contains(err.Error(), "too short a secret") {
		t.Errorf("%v", err)
	}
}

func FuzzCheck(f *testing.F) {
	k := key(f, strings.Repeat("k", 32))
	good := k.Mint(epoch, Capability{Role: Watch, Lang: "es", Expires: now.Add(time.Hour)})
	for _, s := range []string{good, "", ".", "..", "p..", "w-.1.", "c-es.1.AAAAAAAAAAAAAAAAAAAAAA", "p.zzzzzzzz.AAAAAAAAAAAAAAAAAAAAAA", "p.-1.AAAAAAAAAAAAAAAAAAAAAB", "p.1." + strings.Repeat("A", 99), "\xff~%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, says, mac, err := parse(token)
		if err == nil && (len(mac) != macSize || !strings.HasPrefix(token, says+".") || letters[c.Role] == "" || c.Lang != "" && (c.Role != Watch || !isLang(c.Lang))) {
			t.Errorf("%q reads as %+v", token, c)
		}
		if err != nil && token != "" && len(token) > 3 && strings.Contains(err.Error(), token) {
			t.Errorf("the error repeats %q", token)
		}
		if _, err := k.Check(epoch, token, now); err == nil && token != good {
			t.Errorf("%q passes", token)
		}
	})
}
