// Package s3 keeps objects in a bucket of Amazon S3, or of another server that speaks
// its protocol.
package s3

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"livedub/store"
)

const (
	tries      = 4               // of one request, with full jitter between them
	maxBackoff = 5 * time.Second // between two of them
	regionTime = 3 * time.Second // for the instance's metadata to name the region
)

// Options say where the bucket is. Credentials come as the AWS tools have them: from
// the environment, the shared files, a container's or an instance's role.
type Options struct {
	Bucket     string
	Prefix     string // what all keys in the bucket begin with
	Region     string // "" is as the AWS tools have it
	Endpoint   string // of another server, "http://127.0.0.1:9000"; "" is as the AWS tools have it
	PathStyle  bool   // the bucket's name stands in the path, not in the host's name
	Encryption string // that the server is asked for: "AES256", "aws:kms"; "" or "none" is its own choice
	KMSID      string // key for aws:kms: ID, alias or ARN; "" is the account's own

	backoff time.Duration // longest time between two tries; 0 is maxBackoff
}

// Bucket is a store.Objects in a bucket.
type Bucket struct {
	o       Options
	client  *s3.Client
	presign *s3.PresignClient
	creds   aws.CredentialsProvider
	http    *http.Client
	part    int64 // bytes of a part of a large file, at least
}

var _ store.Objects = (*Bucket)(nil)

// New makes a client of a bucket, with the region and credentials that it finds; Check
// and CheckWrite ask the bucket. It fails with a *SettingError.
func New(ctx context.Context, o Options) (*Bucket, error) {
	if o.Encryption == "none" {
		o.Encryption = ""
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	c, err := load(ctx, o)
	if err != nil {
		return nil, err
	}
	b := &Bucket{o: o, creds: c.Credentials, http: client(c), part: minPart}
	b.client = s3.NewFromConfig(c, func(s *s3.Options) {
		s.HTTPClient = b.http
		s.UsePathStyle = o.PathStyle
		// Put gives its own sums; other servers do not know trailing ones.
		s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // Open says when
		s.DisableLogOutputChecksumValidationSkipped = true
	})
	b.presign = s3.NewPresignClient(b.client)
	return b, nil
}

// load finds region and credentials.
func load(ctx context.Context, o Options) (aws.Config, error) {
	with := []func(*config.LoadOptions) error{
		// One that can be built upon, so that AWS_CA_BUNDLE works.
		config.WithHTTPClient(awshttp.NewBuildableClient()),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = tries, cmp.Or(o.backoff, maxBackoff) })
		}),
	}
	if o.Region != "" {
		with = append(with, config.WithRegion(o.Region))
	}
	if o.Endpoint != "" {
		with = append(with, config.WithBaseEndpoint(o.Endpoint))
	}
	c, err := config.LoadDefaultConfig(ctx, with...)
	if err != nil {
		return c, &SettingError{"credentials", errText("the AWS settings of this machine cannot be read: %w: mend the environment or the shared files", err)}
	}
	if c.Region == "" && o.Endpoint != "" {
		c.Region = "us-east-1" // what other servers call themselves
	}
	if c.Region == "" {
		short, cancel := context.WithTimeout(ctx, regionTime)
		defer cancel()
		if on, err := config.LoadDefaultConfig(short, append(with, config.WithEC2IMDSRegion())...); err == nil {
			c.Region = on.Region
		}
	}
	if c.Region == "" {
		return c, &SettingError{"region", errText("neither the settings nor the environment, the shared files or an instance name it: say in which the bucket is")}
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return c, &SettingError{"credentials", errText("none are found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give the machine a role: %w", err)}
	}
	return c, nil
}

// Close ends the connections.
func (b *Bucket) Close() error {
	b.http.CloseIdleConnections()
	return nil
}

// key returns an object's key in the bucket.
func (b *Bucket) key(key string) *string { return aws.String(b.o.Prefix + key) }
