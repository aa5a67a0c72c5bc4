// Package mouths keeps what is known of speakers' mouths under keys that only the
// speakers have: whoever reads the store can neither open it nor tell whose it is.
package mouths

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"livedub/store"
)

// secretSize is how many random bytes a key has.
const secretSize = 32

// ErrKey is returned for what cannot be a key, as store.ErrInvalid. It does not tell the key.
var ErrKey = fmt.Errorf("%w: that is no key of mouths, which has 43 letters, digits, - and _", store.ErrInvalid)

// ErrUnreadable is returned for what is kept under a key and does not open by it.
var ErrUnreadable = errors.New("what is kept is damaged, or of another version")

// NewKey returns a new key, as the speaker gets it.
func NewKey() string {
	b := make([]byte, secretSize)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// place is where mouths lie and how they are sealed: both come from a key, which neither
// gives back.
type place struct {
	name string // of the object
	aead cipher.AEAD
}

// placeOf derives a key's place. It fails with ErrKey.
func placeOf(key string) (place, error) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(key)
	if err != nil || len(secret) != secretSize {
		return place{}, ErrKey
	}
	derive := func(what string) []byte {
		b, derr := hkdf.Key(sha256.New, secret, nil, "livedub mouths 1: "+what, 32)
		err = errors.Join(err, derr)
		return b
	}
	name, seal := derive("name"), derive("seal")
	if err != nil {
		return place{}, fmt.Errorf("derive the place of mouths: %w", err)
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return place{}, fmt.Errorf("derive the place of mouths: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return place{hex.EncodeToString(name), aead}, err
}

// object is the key under which the store has it.
func (p place) object() string { return prefix + p.name }

// seal encrypts data for its place.
func (p place) seal(data []byte) []byte { return p.aead.Seal(nil, nil, data, []byte(p.name)) }

// open decrypts what seal wrote. It fails with ErrUnreadable.
func (p place) open(sealed []byte) ([]byte, error) {
	data, err := p.aead.Open(nil, nil, sealed, []byte(p.name))
	if err != nil {
		return nil, ErrUnreadable
	}
	return data, nil
}
