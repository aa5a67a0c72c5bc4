package store

import (
	"fmt"
	"regexp"
	"strings"
)

// maxKey is how many bytes the key of an object may have; its parts are bounded too,
// so that they can be names of files.
const maxKey, maxPart = 512, 200

var (
	word = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	part = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)
)

// CheckEpoch fails with ErrInvalid for what cannot be a session's epoch, or a
// recording's ID: anything else than 1 to 64 letters, digits and "-".
func CheckEpoch(epoch string) error {
	if !word.MatchString(epoch) {
		return fmt.Errorf("%w: epoch %.80q: use 1 to 64 letters, digits and -", ErrInvalid, epoch)
	}
	return nil
}

// checkLang fails with ErrInvalid for what cannot be the language of a row.
func checkLang(lang string) error {
	if !word.MatchString(lang) {
		return fmt.Errorf("%w: language %.80q: use 1 to 64 letters, digits and -", ErrInvalid, lang)
	}
	return nil
}

// CheckKey fails with ErrInvalid for what cannot be the key of an object: it has
// parts with one slash between two, of letters, digits and ".-_", of which none begins
// with a dot; 200 bytes a part and 512 in all at most.
func CheckKey(key string) error {
	bad := key == "" || len(key) > maxKey
	for p := range strings.SplitSeq(key, "/") {
		bad = bad || len(p) > maxPart || !part.MatchString(p)
	}
	if bad {
		return fmt.Errorf("%w: key %.80q: use letters, digits and .-_, no part that begins with a dot, %d bytes at most", ErrInvalid, key, maxKey)
	}
	return nil
}

// CheckPrefix fails with ErrInvalid for what no key begins with. The empty one is
// what all keys begin with.
func CheckPrefix(prefix string) error {
	if prefix == "" || CheckKey(prefix) == nil || CheckKey(strings.TrimSuffix(prefix, "/")) == nil && len(prefix) < maxKey {
		return nil
	}
	return fmt.Errorf("%w: no key begins with %.80q", ErrInvalid, prefix)
}
