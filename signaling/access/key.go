package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Key is the secret by which a server, or several, make and check capabilities.
// The zero Key makes none and takes none.
type Key struct{ secret []byte }

// MinSecret is how long a secret from the settings must be, in bytes.
const MinSecret = 32

// NewKey returns the key that a secret text stands for. It fails for one shorter than MinSecret.
func NewKey(secret string) (Key, error) {
	if len(secret) < MinSecret {
		return Key{}, fmt.Errorf("access: the key has %d characters, at least %d are needed: make one with openssl rand -hex 32", len(secret), MinSecret)
	}
	sum := sha256.Sum256([]byte(secret))
	return Key{sum[:]}, nil
}

// RandomKey returns a key that nobody else has.
func RandomKey() Key {
	secret := make([]byte, sha256.Size)
	rand.Read(secret) // never fails
	return Key{secret}
}

// String keeps the key out of logs.
func (k Key) String() string { return "[key]" }

// GoString does the same for %#v.
func (k Key) GoString() string { return k.String() }

// maxFile bounds what is read as a key.
const maxFile = 4096

// LoadOrMake returns the key that a file holds. Where there is none it makes one
// and keeps it there, for its owner alone (0600); of several servers that do so
// at once all get the same. exposed tells that others may read the file.
// It fails for a file that cannot be read, written, or is no key.
func LoadOrMake(path string) (key Key, exposed bool, err error) {
	key, exposed, err = load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, exposed, err
	}
	if err := write(path); err != nil {
		return Key{}, false, fmt.Errorf("access: the key cannot be kept: %w", err)
	}
	return load(path)
}

func load(path string) (key Key, exposed bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, false, fmt.Errorf("access: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, false, fmt.Errorf("access: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return Key{}, false, fmt.Errorf("access: %w", err)
	}
	key, err = NewKey(strings.TrimSpace(string(b)))
	if err != nil {
		return Key{}, false, fmt.Errorf("%s: %w, or remove the file to have one made", path, err)
	}
	return key, info.Mode().Perm()&0o077 != 0, nil
}

// write puts a new key at path unless a file is there by then. The file gets its
// name when it is whole, so that nobody reads half a key.
func write(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(RandomKey().secret) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // somebody was faster: theirs is the key
}

// Derive returns 32 bytes that only who has the key can know, others for each
// purpose; nil from the zero Key.
func (k Key) Derive(purpose string) []byte {
	if len(k.secret) == 0 {
		return nil
	}
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte("livedub derived\x00" + purpose))
	return h.Sum(nil)
}

// For returns a key of its own for a purpose; the zero Key from the zero Key.
func (k Key) For(purpose string) Key { return Key{k.Derive(purpose)} }

// StateFile returns where this user's key is kept: in the folder that systemd
// names (STATE_DIRECTORY), or in livedub below XDG_STATE_HOME, or ~/.local/state.
func StateFile() (string, error) { return stateFile("access.key") }

// ClusterFile returns where the secret is kept that this user's nodes and gateways share.
func ClusterFile() (string, error) { return stateFile("cluster.key") }

func stateFile(name string) (string, error) {
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return filepath.Join(dir, name), nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // as the specification wants
		return filepath.Join(dir, "livedub", name), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("access: no folder to keep the key in: %w", err)
	}
	return filepath.Join(home, ".local", "state", "livedub", name), nil
}
