package s3

import (
	"errors"
	"net/url"
	"regexp"

	"livedub/store"
)

const maxPrefix = 400 // bytes, so that no key is longer than the 1024 that S3 takes

var buckets = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]+$|^arn:[A-Za-z0-9:/_-]+$`)

// check tells what can be seen without asking anybody.
func (o Options) check() error {
	bad := func(setting, says string) error { return &SettingError{setting, errors.New("s3: " + says)} }
	if !buckets.MatchString(o.Bucket) {
		return bad("bucket", "no bucket has such a name: letters, digits, dots and hyphens, without s3://")
	}
	if store.CheckPrefix(o.Prefix) != nil || len(o.Prefix) > maxPrefix {
		return bad("prefix", "it is of letters, digits and .-_ between slashes, as livedub/, and at most 400 bytes")
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
