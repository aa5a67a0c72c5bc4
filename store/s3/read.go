package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"livedub/store"
)

// Open is part of store.Objects.
func (b *Bucket) Open(ctx context.Context, key string, offset, n int64) (io.ReadCloser, store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, store.Object{}, err
	}
	if offset < 0 {
		return nil, store.Object{}, fmt.Errorf("s3: read %q from %d: %w", key, offset, store.ErrInvalid)
	}
	in := &s3.GetObjectInput{Bucket: &b.o.Bucket, Key: b.key(key)}
	if offset > 0 || n > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
		if n > 0 {
			*in.Range += strconv.FormatInt(offset+min(n, math.MaxInt64-offset)-1, 10)
		}
	} else {
		in.ChecksumMode = types.ChecksumModeEnabled // with a range, some servers answer the sum of the whole
	}
	if n == 0 {
		return b.head(ctx, key)
	}
	out, err := b.client.GetObject(ctx, in)
	if code(err) == "InvalidRange" { // it ends before
		return b.head(ctx, key)
	}
	if err != nil {
		return nil, store.Object{}, b.fail("read", key, err)
	}
	o := store.Object{Key: key, Size: aws.ToInt64(out.ContentLength), Type: store.Type(aws.ToString(out.ContentType)), Modified: aws.ToTime(out.LastModified)}
	if in.Range != nil {
		_, total, _ := strings.Cut(aws.ToString(out.ContentRange), "/")
		if o.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			out.ETag = nil // no range was given
		}
	}
	if aws.ToString(out.ETag) == "" {
		out.Body.Close()
		return nil, store.Object{}, fmt.Errorf("s3: read %q in bucket %s: what answered is no server of S3's protocol: is a proxy in between? %w", key, b.o.Bucket, store.ErrUnavailable)
	}
	return &body{out.Body, b, key}, o, nil
}

// head returns an object without bytes.
func (b *Bucket) head(ctx context.Context, key string) (io.ReadCloser, store.Object, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.o.Bucket, Key: b.key(key)})
	if err != nil {
		return nil, store.Object{}, b.fail("read", key, err)
	}
	o := store.Object{Key: key, Size: aws.ToInt64(out.ContentLength), Type: store.Type(aws.ToString(out.ContentType)), Modified: aws.ToTime(out.LastModified)}
	return io.NopCloser(strings.NewReader("")), o, nil
}

// body is the bytes of an object, under way.
type body struct {
	io.ReadCloser
	b   *Bucket
	key string
}

// Read is part of io.Reader.
func (r *body) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.b.fail("read", r.key, err)
	}
	return n, err
}

// List is part of store.Objects. It knows no media types.
func (b *Bucket) List(ctx context.Context, prefix string) ([]store.Object, error) {
	if err := store.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	var found []store.Object
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.o.Bucket, Prefix: b.key(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.fail("list", prefix, err)
		}
		for _, o := range page.Contents {
			key, ours := strings.CutPrefix(aws.ToString(o.Key), b.o.Prefix)
			if ours && store.CheckKey(key) == nil { // somebody else's are not
				found = append(found, store.Object{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)})
			}
		}
	}
	slices.SortFunc(found, func(x, y store.Object) int { return strings.Compare(x.Key, y.Key) })
	return found, nil
}

// Link is part of store.Objects. name is what a browser calls the file that it keeps;
// "" is for one that it shows. A link of credentials that expire expires with them.
func (b *Bucket) Link(ctx context.Context, key, name string, lives time.Duration) (string, error) {
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	in := &s3.GetObjectInput{Bucket: &b.o.Bucket, Key: b.key(key)}
	if name != "" {
		in.ResponseContentDisposition = aws.String(disposition(name))
	}
	out, err := b.presign.PresignGetObject(ctx, in, s3.WithPresignExpires(lives))
	if err != nil {
		return "", b.fail("link to", key, err)
	}
	return out.URL, nil
}

// disposition has a browser keep a file under a name: for all as far as it is ASCII,
// for those that know RFC 6266 whole.
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '\\':
			return '-'
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" .-_", r):
			return r
		}
		return '_'
	}, name)
	whole := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\`, r) {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plain, strings.ReplaceAll(url.QueryEscape(whole), "+", "%20"))
}
