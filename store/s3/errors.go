package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"livedub/store"
)

const maxMessage = 200 // runes of what a server says that an error repeats

// SettingError says which option an error is about: "bucket", "prefix", "region",
// "endpoint", "encryption", "kms_id"; or "credentials" or "clock", which are the machine's.
type SettingError struct {
	Setting string
	Err     error
}

// Error returns what is wrong with it.
func (e *SettingError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *SettingError) Unwrap() error { return e.Err }

// errText is fmt.Errorf with the package's name.
func errText(format string, args ...any) error { return fmt.Errorf("s3: "+format, args...) }

// cause is what a code of the protocol means.
type cause struct {
	setting string // that it is about
	says    string // what it is, and what to do
	kind    error  // in a word of the store
}

var (
	badKey   = cause{"credentials", "the server does not accept the credentials: check access key, secret and session token", nil}
	expired  = cause{"credentials", "the credentials have expired: renew them, or use a role, whose credentials renew themselves", nil}
	skewed   = cause{"clock", "the clock of this machine is wrong: have the network set it", nil}
	moved    = cause{"region", "the bucket is in another region: name that", nil}
	noKMS    = cause{"kms_id", "the key cannot be used: is it in the bucket's region, and enabled?", nil}
	damaged  = cause{"", "it arrived damaged", store.ErrUnavailable}
	busy     = cause{"", "the server is busy", store.ErrUnavailable}
	tooLarge = cause{"", "the server does not take it", store.ErrInvalid}
)

// causes are the codes that say more than the status does.
var causes = map[string]cause{
	"NoSuchKey":            {"", "", store.ErrNotFound},
	"NoSuchBucket":         {"bucket", "there is no such bucket: make it, or name another", nil},
	"InvalidBucketName":    {"bucket", "no bucket has such a name", nil},
	"AccessDenied":         {"credentials", "the credentials may not do that: allow %s in their policy, and in the bucket's", nil},
	"InvalidAccessKeyId":   badKey,
	"InvalidToken":         badKey,
	"ExpiredToken":         expired,
	"TokenRefreshRequired": expired,
	"RequestTimeTooSkewed": skewed,
	"RequestExpired":       skewed,

	"SignatureDoesNotMatch":              badKey,
	"PermanentRedirect":                  moved,
	"AuthorizationHeaderMalformed":       moved,
	"IllegalLocationConstraintException": moved,
	"TemporaryRedirect":                  {"", "the bucket is new and not known everywhere yet", store.ErrUnavailable},
	"KMS.NotFoundException":              noKMS,
	"KMS.DisabledException":              noKMS,
	"KMS.KMSInvalidStateException":       noKMS,
	"NotImplemented":                     {"encryption", "the server cannot do that: if it cannot encrypt, ask for none", nil},
	"EntityTooLarge":                     tooLarge,
	"KeyTooLongError":                    tooLarge,
	"BadDigest":                          damaged,
	"InvalidDigest":                      damaged,
	"XAmzContentSHA256Mismatch":          damaged,
	"XAmzContentChecksumMismatch":        damaged,
	"IncompleteBody":                     damaged,
	"RequestTimeout":                     busy,
	"OperationAborted":                   busy,
	"SlowDown":                           busy,
	"InternalError":                      busy,
	"ServiceUnavailable":                 busy,
	"NoSuchUpload":                       busy, // somebody aborted it: the next try begins anew
}

// rights are what a policy must allow for each operation.
var rights = map[string]string{
	"keep":   "s3:PutObject and s3:AbortMultipartUpload (with aws:kms also kms:GenerateDataKey and kms:Decrypt)",
	"read":   "s3:GetObject (with aws:kms also kms:Decrypt)",
	"list":   "s3:ListBucket",
	"delete": "s3:DeleteObject, s3:DeleteObjectVersion, s3:ListBucketVersions, s3:ListBucketMultipartUploads and s3:AbortMultipartUpload",
}

// fail says what became of an operation on a key; a key is as callers know it. What
// the server sent is repeated only so far as it is one line, and without credentials.
func (b *Bucket) fail(op, key string, err error) error {
	what := fmt.Sprintf("s3: %s %q in bucket %s: ", op, key, b.o.Bucket)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s%w", what, context.Canceled)
	}
	var (
		api    smithy.APIError
		answer *smithyhttp.ResponseError
		garble *smithy.DeserializationError
	)
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	switch isAPI := errors.As(err, &api); {
	case errors.As(err, &garble):
		return fmt.Errorf("%swhat answered is no server of S3's protocol (status %d): is a proxy in between? %w", what, status, store.ErrUnavailable)
	case !isAPI && status == 0:
		return b.unanswered(what, err)
	case !isAPI:
		api = &smithy.GenericAPIError{}
	}
	c, known := causes[api.ErrorCode()]
	switch {
	case known:
	case status == 404 && op != "list":
		c = cause{"", "", store.ErrNotFound}
	case status == 403 || status == 401:
		c = causes["AccessDenied"]
	case status == 301:
		c = moved
	case status == 408 || status == 429 || status >= 500 || status < 400:
		c = cause{"", "the server cannot do it now", store.ErrUnavailable}
	default:
		c = cause{"", "the server refuses it", nil}
	}
	says := c.says
	if strings.Contains(says, "%s") {
		says = fmt.Sprintf(says, rights[op])
	}
	if c.setting == "region" && status != 0 {
		if region := answer.HTTPResponse().Header.Get("X-Amz-Bucket-Region"); region != "" {
			says += ": " + b.clean(region)
		}
	}
	said := strings.TrimSpace(fmt.Sprintf("%s %d %s", b.clean(api.ErrorCode()), status, b.clean(api.ErrorMessage())))
	switch {
	case errors.Is(c.kind, store.ErrNotFound):
		return fmt.Errorf("%s%w", what, c.kind)
	case c.kind != nil:
		return fmt.Errorf("%s%s (%s): %w", what, says, said, c.kind)
	case c.setting != "":
		return &SettingError{c.setting, fmt.Errorf("%s%s (%s)", what, says, said)}
	}
	return fmt.Errorf("%s%s (%s)", what, says, said)
}

// unanswered is fail where no server has answered.
func (b *Bucket) unanswered(what string, err error) error {
	var (
		address *url.Error
		name    *net.DNSError
		cert    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &cert):
		return &SettingError{"endpoint", fmt.Errorf("%sits certificate is not trusted: AWS_CA_BUNDLE can name a file with more: %s", what, b.clean(cert.Err.Error()))}
	case errors.As(err, &name) && name.IsNotFound:
		return &SettingError{"endpoint", fmt.Errorf("%sthere is no host %s: are bucket, region and endpoint right, and is the bucket's name to be in the path? %w", what, b.clean(name.Name), store.ErrUnavailable)}
	case errors.As(err, &address): // its address is left out: a signed one is a secret
		err = address.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s%w in time: %w", what, store.ErrUnavailable, context.DeadlineExceeded)
	}
	return fmt.Errorf("%s%w: %s", what, store.ErrUnavailable, b.clean(err.Error()))
}

// clean returns one line of text without credentials and with an end.
func (b *Bucket) clean(text string) string {
	if c, err := b.creds.Retrieve(context.Background()); err == nil {
		for _, secret := range []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken} {
			if secret != "" {
				text = strings.ReplaceAll(text, secret, "***")
			}
		}
	}
	line := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	line = strings.Join(strings.Fields(line), " ")
	if r := []rune(line); len(r) > maxMessage {
		line = string(r[:maxMessage]) + "..."
	}
	return line
}
