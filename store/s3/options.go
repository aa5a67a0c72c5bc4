package s3

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"livedub/store"
)

const maxKey = 1024 // bytes

var (
	keys    = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
	begins  = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*([A-Za-z0-9_-][A-Za-z0-9._-]*)?$`) // of keys
	buckets = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]+$|^arn:[A-Za-z0-9:/_-]+$`)
)

// check tells what can be seen without asking anybody.
func (o Options) check() error {
	bad := func(setting, says string) error { return &SettingError{setting, errors.New("s3: " + says)} }
	if !buckets.MatchString(o.Bucket) {
		return bad("bucket", "no bucket has such a name: letters, digits, dots and hyphens, without s3://")
	}
	if !begins.MatchString(o.Prefix) || len(o.Prefix) > maxKey/2 {
		return bad("prefix", "it is of letters, digits and .-_ between slashes, as livedub/, and shorter than 512 bytes")
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			return bad("endpoint", "it is no address: write it as https://HOST:PORT")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return bad("endpoint", "it takes no user, query or fragment: credentials come from the environment or the shared files")
		}
	}
	switch {
	case o.Encryption != "" && o.Encryption != "AES256" && o.Encryption != "aws:kms":
		return bad("encryption", "it is AES256, aws:kms or none")
	case o.KMSID != "" && o.Encryption != "aws:kms":
		return bad("kms_id", "it is for the encryption aws:kms alone")
	}
	return nil
}

// checkKey tells whether a key is one.
func (b *Bucket) checkKey(key string) error {
	if !keys.MatchString(key) || len(b.o.Prefix)+len(key) > maxKey {
		return fmt.Errorf("s3: %.80q: %w: a key is of letters, digits and .-_ between slashes, and at most %d bytes with its prefix", key, store.ErrInvalid, maxKey)
	}
	return nil
}

// checkPrefix tells whether keys can begin so.
func (b *Bucket) checkPrefix(prefix string) error {
	if !begins.MatchString(prefix) || len(b.o.Prefix)+len(prefix) > maxKey {
		return fmt.Errorf("s3: %.80q: %w: no key begins so", prefix, store.ErrInvalid)
	}
	return nil
}
