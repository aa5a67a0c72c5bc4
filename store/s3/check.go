package s3

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const probe = "livedub.probe" // key of what Check keeps for a moment

// Check tells whether the bucket can be used: it lists, keeps a few bytes and deletes
// them, so that what a recording will need fails at the start. It fails with a
// *SettingError, or, while nothing answers, store.ErrUnavailable.
func (b *Bucket) Check(ctx context.Context) error {
	if _, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.o.Bucket, Prefix: b.key(""), MaxKeys: aws.Int32(1)}); err != nil {
		return b.fail("list", "", err)
	}
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
