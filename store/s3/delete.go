package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithy "github.com/aws/smithy-go"

	"livedub/store"
)

const (
	sweeps = 3    // for what arrives while others are deleted
	batch  = 1000 // objects that one request deletes
)

var errArrives = &smithy.GenericAPIError{Code: "OperationAborted", Message: "something arrives while it is deleted"}

// Delete is part of store.Objects: it deletes all versions, the marks that say that
// there was something, and the parts of uploads that never ended.
func (b *Bucket) Delete(ctx context.Context, prefix string) error {
	if err := store.CheckPrefix(prefix); err != nil || prefix == "" {
		return cmp.Or(err, fmt.Errorf("s3: delete what begins with nothing: %w", store.ErrInvalid))
	}
	if err := b.delete(ctx, prefix); err != nil {
		return b.fail("delete", prefix, err)
	}
	return nil
}

// delete is Delete with the client's own errors.
func (b *Bucket) delete(ctx context.Context, prefix string) error {
	if err := b.abortUploads(ctx, prefix); err != nil && !unknown(err) {
		return err
	}
	for range sweeps {
		versions, err := b.deleteVersions(ctx, prefix)
		if err != nil && !unknown(err) {
			return err
		}
		// Some servers know no versions, and some of those do not say so.
		left, err := b.deleteCurrent(ctx, prefix, versions == 0)
		if err != nil || left == 0 {
			return err
		}
	}
	return errArrives
}

// unknown tells whether a server does not know the request.
func unknown(err error) bool { return code(err) == "NotImplemented" || code(err) == "MethodNotAllowed" }

// code returns the protocol's code of an error; "" where it has none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// abortUploads deletes the parts of uploads that have not ended.
func (b *Bucket) abortUploads(ctx context.Context, prefix string) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &b.o.Bucket, Prefix: b.key(prefix)}
	for {
		page, err := b.client.ListMultipartUploads(ctx, in)
		if code(err) == "NoSuchUpload" { // as some servers say it
			return nil
		}
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.o.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err != nil && code(err) != "NoSuchUpload" {
				return err
			}
		}
		if !aws.ToBool(page.IsTruncated) || aws.ToString(page.NextKeyMarker) == "" {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}

// deleteVersions deletes all versions and marks, and says how many there were.
func (b *Bucket) deleteVersions(ctx context.Context, prefix string) (int, error) {
	in := &s3.ListObjectVersionsInput{Bucket: &b.o.Bucket, Prefix: b.key(prefix)}
	count := 0
	for {
		page, err := b.client.ListObjectVersions(ctx, in)
		if err != nil {
			return count, err
		}
		var ids []types.ObjectIdentifier
		for _, v := range page.Versions {
			ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			ids = append(ids, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		count += len(ids)
		if err := b.deleteAll(ctx, ids); err != nil {
			return count, err
		}
		if !aws.ToBool(page.IsTruncated) || aws.ToString(page.NextKeyMarker) == "" {
			return count, nil
		}
		in.KeyMarker, in.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
	}
}

// deleteCurrent counts what is still there and, where it may, deletes it without
// naming versions; nothing is left of that.
func (b *Bucket) deleteCurrent(ctx context.Context, prefix string, may bool) (left int, err error) {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.o.Bucket, Prefix: b.key(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return left, err
		}
		var ids []types.ObjectIdentifier
		for _, o := range page.Contents {
			ids = append(ids, types.ObjectIdentifier{Key: o.Key})
		}
		if !may {
			left += len(ids)
		} else if err := b.deleteAll(ctx, ids); err != nil {
			return left, err
		}
	}
	return left, nil
}

// deleteAll deletes objects, or versions of them.
func (b *Bucket) deleteAll(ctx context.Context, ids []types.ObjectIdentifier) error {
	for len(ids) > 0 {
		n := min(batch, len(ids))
		out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &b.o.Bucket, Delete: &types.Delete{Objects: ids[:n], Quiet: aws.Bool(true)}})
		if err != nil {
			return err
		}
		for _, e := range out.Errors {
			return &smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)}
		}
		ids = ids[n:]
	}
	return nil
}
