package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const maxRedirects = 10

var (
	errRedirect = errors.New("redirects without end, or to no https address")
	errStalled  = errors.New("sends next to nothing")
)

// newClient returns a client that trusts no server to be quick.
func newClient(t timing) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	transport.ResponseHeaderTimeout = t.headerWait
	transport.DisableCompression = true // sizes are those of the files
	return &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		s := req.URL.Scheme
		if len(via) > maxRedirects || s != "https" && (s != "http" || via[0].URL.Scheme == "https") {
			return errRedirect
		}
		return nil
	}}
}

// failure is why a request brought no file.
type failure struct {
	err     error
	again   bool          // another try may bring it
	silent  bool          // nobody answered at all
	notYet  time.Duration // the server asks to wait so long
	restart bool          // what is there already is of no use
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// cut returns where a part lies that is not whole yet.
func (p *pull) cut(f File) string { return p.in("cut", f.id()) }

// tag is what the first bytes of a cut part came with, kept in JSON beside it.
type tag struct {
	URL, Validator string
	Size           int64 // of all, as the server says
}

func (p *pull) tagFile(f File) string { return p.cut(f) + ".json" }

// download brings a part from an address, going on where it was cut off.
func (p *pull) download(ctx context.Context, part Part, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if err := p.dead[u.Host]; err != nil {
		return fmt.Errorf("%w: %w", errKnown, err)
	}
	wait, furthest := p.timing.wait, p.held(part)
	for try, restarted := 1, false; ; try++ {
		before := p.held(part)
		err := p.request(ctx, part, address, before)
		if err == nil {
			if err = p.accept(ctx, part, p.cut(part.File)); err == nil {
				return nil
			}
			if ours(err) || before == 0 || restarted || ctx.Err() != nil {
				return err
			}
			restarted, try = true, 0 // pieces of several answers: one more try with a single one
			continue
		}
		var f *failure
		if !errors.As(err, &f) || ctx.Err() != nil {
			return err
		}
		if f.restart {
			if err := p.discard(part); err != nil || restarted {
				return errors.Join(f, err)
			}
			restarted = true
		}
		if held := p.held(part); held >= furthest+progress {
			try, wait, furthest = 0, p.timing.wait, held
		}
		if f.silent && try >= 2 {
			p.dead[u.Host] = err
			return err
		}
		if !f.again || try >= p.timing.tries {
			return err
		}
		if err := sleep(ctx, min(max(wait, f.notYet), p.timing.longest)); err != nil {
			return err
		}
		wait *= 2
	}
}

// held returns how many bytes of a part are there.
func (p *pull) held(part Part) int64 {
	st, err := os.Stat(p.cut(part.File))
	if err != nil {
		return 0
	}
	return st.Size()
}

// discard forgets what is there of a part.
func (p *pull) discard(part Part) error {
	for _, f := range []string{p.cut(part.File), p.tagFile(part.File)} {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// accept checks the file at path and moves it among the whole parts; a wrong one is removed.
func (p *pull) accept(ctx context.Context, part Part, path string) error {
	if err := part.verify(ctx, path); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.Join(err, p.discard(part))
	}
	if err := syncFile(path); err != nil {
		return err
	}
	if err := os.Rename(path, p.whole(part.File)); err != nil {
		return err
	}
	p.Progress.add(part.Size)
	return p.discard(part)
}

// request asks for a part from offset on, and writes what comes to the cut file.
func (p *pull) request(ctx context.Context, part Part, address string, offset int64) error {
	if !part.pinned() {
		// No sum would tell bytes of two versions that were mixed.
		t := p.readTag(part)
		switch {
		case offset > 0 && offset == t.Size && t.URL == address:
			return nil
		case offset > 0 && (t.URL != address || t.Validator == ""):
			if err := p.discard(part); err != nil {
				return err
			}
			offset = 0
		}
		part.Size = t.Size
	}
	switch {
	case part.pinned() && offset == part.Size:
		return nil
	case offset > 0 && offset > part.Size:
		return &failure{err: errors.New("more is there than the part has"), again: true, restart: true}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "livedub")
	req.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		// Another source's bytes are the same where its sum is: there the pinned SHA-256 decides.
		if t := p.readTag(part); t.URL == address && t.Validator != "" {
			req.Header.Set("If-Range", t.Validator)
		}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, which the caller names
		}
		return &failure{err: err, again: !errors.Is(err, errRedirect), silent: true}
	}
	defer resp.Body.Close()
	if !part.pinned() {
		if part.Size, err = announced(resp, p.about(part)); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusPartialContent && validator(resp.Header) != p.readTag(part).Validator {
			return &failure{err: errors.New("answers a range of another version"), again: true, restart: true}
		}
	}
	if offset, err = begins(resp, part, offset); err != nil {
		return err
	}
	return p.write(part, address, resp, offset, cancel)
}

// about returns how large a part is, as the catalogue has it.
func (p *pull) about(part Part) int64 {
	for _, q := range p.entry.Parts {
		if q.Path == part.Path {
			return q.Size
		}
	}
	return 0
}

// announced returns the size of all of a file that an answer is of, or why it is not about what is wanted.
func announced(resp *http.Response, about int64) (int64, error) {
	size := resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		var first, last int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size); err != nil {
			size = -1
		}
	}
	switch {
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent:
		return about, nil // begins tells
	case size < 0:
		return 0, &failure{err: errors.New("does not say how many bytes the file has: without a sum nothing tells when it is whole")}
	case size < 1 || size > 2*about+slack:
		return 0, &failure{err: fmt.Errorf("has %d bytes, the catalogue about %d", size, about)}
	}
	return size, nil
}

// slack is how many bytes more than twice the size of the catalogue a file may have that is not pinned.
const slack = 1 << 20

// begins returns the offset at which an answer's body begins, or why it is not the part.
func begins(resp *http.Response, part Part, asked int64) (int64, error) {
	offset := int64(0)
	switch code := resp.StatusCode; {
	case code == http.StatusOK: // from the start, whatever was asked
	case code == http.StatusPartialContent && asked > 0:
		var first, last int64
		var size string
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%s", &first, &last, &size)
		if err != nil || first != asked {
			return 0, &failure{err: errors.New("answers another range than was asked for"), again: true, restart: true}
		}
		if size != "*" && size != strconv.FormatInt(part.Size, 10) {
			return 0, &failure{err: fmt.Errorf("has %s bytes, the catalogue %d", size, part.Size)}
		}
		offset = asked
	case code == http.StatusRequestedRangeNotSatisfiable && asked > 0:
		return 0, &failure{err: errors.New("has no more bytes"), again: true, restart: true}
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // a date counts as none
		return 0, &failure{err: errors.New("answers " + resp.Status), again: true, notYet: time.Duration(min(max(seconds, 0), 3600)) * time.Second}
	default:
		return 0, &failure{err: errors.New("answers " + resp.Status)}
	}
	switch {
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"):
		return 0, &failure{err: errors.New("answers a page of HTML")}
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return 0, &failure{err: errors.New("answers in " + show(resp.Header.Get("Content-Encoding")))}
	case resp.ContentLength >= 0 && offset+resp.ContentLength != part.Size:
		return 0, &failure{err: fmt.Errorf("has %d bytes, the catalogue %d", offset+resp.ContentLength, part.Size)}
	}
	return offset, nil
}

// write writes an answer's body to the cut file from offset on, and gives up on a body that trickles.
func (p *pull) write(part Part, address string, resp *http.Response, offset int64, cancel context.CancelCauseFunc) error {
	out, err := os.OpenFile(p.cut(part.File), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.Truncate(offset); err != nil {
		return err
	}
	if _, err := out.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	if err := p.writeTag(part, tag{address, validator(resp.Header), part.Size}); err != nil {
		return err
	}
	p.Progress.now.Store(offset)
	stall := time.AfterFunc(p.timing.stall, func() { cancel(errStalled) })
	defer stall.Stop()
	buf := make([]byte, 64<<10)
	for fed := int64(0); ; {
		n, err := resp.Body.Read(buf)
		if offset+int64(n) > part.Size {
			return errors.Join(&failure{err: fmt.Errorf("sends more than the %d bytes of the catalogue", part.Size)}, p.discard(part))
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return err
		}
		offset += int64(n)
		p.Progress.now.Store(offset)
		if fed += int64(n); fed >= trickle {
			stall.Reset(p.timing.stall)
			fed = 0
		}
		switch {
		case offset == part.Size:
			return out.Close()
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
			fallthrough
		case err != nil:
			if cause := context.Cause(resp.Request.Context()); errors.Is(cause, errStalled) {
				err = errStalled
			}
			return &failure{err: fmt.Errorf("was cut off after %d of %d bytes: %w", offset, part.Size, err), again: true}
		}
	}
}

// validator returns what tells this version of a file from another: a strong ETag, else its date.
func validator(h http.Header) string {
	if e := h.Get("ETag"); e != "" && !strings.HasPrefix(e, "W/") {
		return e
	}
	return h.Get("Last-Modified")
}

func (p *pull) readTag(part Part) (t tag) {
	b, err := os.ReadFile(p.tagFile(part.File))
	if err != nil || json.Unmarshal(b, &t) != nil {
		return tag{}
	}
	return t
}

func (p *pull) writeTag(part Part, t tag) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(p.tagFile(part.File), b, 0o644)
}
