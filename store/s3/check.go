package s3

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const probe = "livedub.probe" // key of what CheckWrite keeps for a moment

// Check tells whether the bucket can be looked into. It fails with a *SettingError, or,
// while nothing answers, store.ErrUnavailable.
func (b *Bucket) Check(ctx context.Context) error {
	if _, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.o.Bucket, Prefix: b.key(""), MaxKeys: aws.Int32(1)}); err != nil {
		return b.fail("list", "", err)
	}
	return nil
}

// CheckWrite tells whether the bucket takes what a recording will need it to: it keeps
// a few bytes and deletes them. It fails as Check does.
func (b *Bucket) CheckWrite(ctx context.Context) error {
	f, err := os.CreateTemp("", "livedub-probe-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString("livedub looks whether it can write here\n"); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := b.Put(ctx, probe, f.Name(), "text/plain"); err != nil {
		return err
	}
	return b.Delete(ctx, probe)
}
