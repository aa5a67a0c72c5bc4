package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"livedub/store"
)

const (
	minPart   = 16 << 20 // bytes; a file larger than two goes in parts
	maxParts  = 10_000
	abortTime = 10 * time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Put is part of store.Objects. It sends a large file in parts, one after another, and
// reads each from the file: it holds none of it. What answers must say that it has the
// object, with the sum of it where it gives one.
func (b *Bucket) Put(ctx context.Context, key, path string, t store.Type) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("s3: keep %q: %w", key, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("s3: keep %q: %s is no file: %w", key, path, store.ErrInvalid)
	}
	if info.Size() > 2*b.part {
		return b.putParts(ctx, key, f, info.Size(), t)
	}
	sum, err := checksum(f, 0, info.Size())
	if err != nil {
		return fmt.Errorf("s3: keep %q: %w", key, err)
	}
	in := &s3.PutObjectInput{Bucket: &b.o.Bucket, Key: b.key(key), Body: io.NewSectionReader(f, 0, info.Size()),
		ContentLength: aws.Int64(info.Size()), ContentType: mediaType(t), ChecksumCRC32C: &sum}
	if b.o.Encryption != "" {
		in.ServerSideEncryption = types.ServerSideEncryption(b.o.Encryption)
		in.SSEKMSKeyId = optional(b.o.KMSID)
	}
	out, err := b.client.PutObject(ctx, in)
	if err != nil {
		return b.fail("keep", key, err)
	}
	return b.confirmed(key, out.ETag, out.ChecksumCRC32C, sum)
}

// putParts sends a large file. Nothing of it can be seen before all of it is there;
// when it fails, what was sent is deleted.
func (b *Bucket) putParts(ctx context.Context, key string, f *os.File, size int64, t store.Type) error {
	in := &s3.CreateMultipartUploadInput{Bucket: &b.o.Bucket, Key: b.key(key), ContentType: mediaType(t), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c}
	if b.o.Encryption != "" {
		in.ServerSideEncryption = types.ServerSideEncryption(b.o.Encryption)
		in.SSEKMSKeyId = optional(b.o.KMSID)
	}
	begun, err := b.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return b.fail("keep", key, err)
	}
	if aws.ToString(begun.UploadId) == "" {
		return b.confirmed(key, nil, nil, "")
	}
	if err = b.sendParts(ctx, key, begun.UploadId, f, size); err == nil {
		return nil
	}
	// Its parts would be paid for, unseen, for ever; a lifecycle rule of the bucket
	// deletes what this cannot.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_, _ = b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.o.Bucket, Key: b.key(key), UploadId: begun.UploadId})
	return err
}

// sendParts sends a file's parts and has the server join them.
func (b *Bucket) sendParts(ctx context.Context, key string, id *string, f *os.File, size int64) error {
	part := max(b.part, (size+maxParts-1)/maxParts)
	var done []types.CompletedPart
	for at := int64(0); at < size; at += part {
		n := min(part, size-at)
		sum, err := checksum(f, at, n)
		if err != nil {
			return fmt.Errorf("s3: keep %q: %w", key, err)
		}
		number := aws.Int32(int32(len(done) + 1))
		out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &b.o.Bucket, Key: b.key(key), UploadId: id, PartNumber: number,
			Body: io.NewSectionReader(f, at, n), ContentLength: aws.Int64(n), ChecksumCRC32C: &sum})
		if err != nil {
			return b.fail("keep", key, err)
		}
		if err := b.confirmed(key, out.ETag, out.ChecksumCRC32C, sum); err != nil {
			return err
		}
		done = append(done, types.CompletedPart{ETag: out.ETag, PartNumber: number, ChecksumCRC32C: out.ChecksumCRC32C})
	}
	out, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &b.o.Bucket, Key: b.key(key), UploadId: id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	if err != nil {
		return b.fail("keep", key, err)
	}
	return b.confirmed(key, out.ETag, nil, "")
}

// confirmed tells whether a server has what was sent: any page answers 200.
func (b *Bucket) confirmed(key string, etag, got *string, want string) error {
	switch {
	case aws.ToString(etag) == "":
		return fmt.Errorf("s3: keep %q in bucket %s: what answered is no server of S3's protocol: is a proxy in between? %w", key, b.o.Bucket, store.ErrUnavailable)
	case aws.ToString(got) != "" && *got != want:
		return fmt.Errorf("s3: keep %q in bucket %s: it arrived damaged: %w", key, b.o.Bucket, store.ErrUnavailable)
	}
	return nil
}

// checksum returns the CRC-32C of n bytes of f, as the protocol writes it.
func checksum(f io.ReaderAt, at, n int64) (string, error) {
	h := crc32.New(castagnoli)
	if got, err := io.Copy(h, io.NewSectionReader(f, at, n)); err != nil || got != n {
		return "", fmt.Errorf("the file changed while it was read: %w", err)
	}
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, h.Sum32())), nil
}

func mediaType(t store.Type) *string { return optional(string(t)) }

// optional returns nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
