// Package remote calls engines that others run, by JSON over HTTP, and opens
// websockets to them: bounded in time and size, strict in what is taken for an
// answer, and quiet for as long as a server asks for that.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswer  = 4 << 20 // bytes
	maxRaw     = 16 << 20
	maxTold    = 200 // of what a server says of an error, in bytes
	idleTime   = 90 * time.Second
	longest    = time.Minute // that a server may ask to be left alone
	handshakes = 5 * time.Second
)

var (
	// ErrBusy is returned while a server has asked to be left alone.
	ErrBusy = errors.New("the server asked for a pause")
	// ErrAnswer is returned for an answer that is none: no JSON, too large, or not whole.
	ErrAnswer = errors.New("the answer is not what was asked for")
)

// StatusError is a server's refusal.
type StatusError struct {
	Code int
	Text string // what it said of it, shortened
}

func (e *StatusError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the server answers %d %s", e.Code, http.StatusText(e.Code))
	}
	return fmt.Sprintf("the server answers %d %s: %s", e.Code, http.StatusText(e.Code), e.Text)
}

// Client calls one server. It is safe for concurrent use.
type Client struct {
	base *url.URL
	key  string
	http *http.Client

	mu    sync.Mutex
	pause time.Time // until then it is left alone
}

// New returns a client of the server at base, as "http://127.0.0.1:11434/v1". key,
// if set, is sent as a bearer token, and in no error.
func New(base, key string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q is no address of a server: give it as http://HOST:PORT/v1", base)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 8, MaxConnsPerHost: 32, IdleConnTimeout: idleTime,
		TLSHandshakeTimeout: handshakes, ForceAttemptHTTP2: true, DisableCompression: true, // an answer's size is then what came
	}
	return &Client{base: u, key: key, http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the server redirects: name the address that it redirects to")
	}}}, nil
}

// Host returns the server's name, for errors and labels.
func (c *Client) Host() string { return c.base.Host }

// Post sends in as JSON to a path below the base, and reads the answer into out.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, "application/json", body, out)
}

// PostFile sends a file and fields as a form to a path below the base, and reads
// the answer into out.
func (c *Client) PostFile(ctx context.Context, path string, fields [][2]string, name string, file []byte, out any) error {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := form.WriteField(f[0], f[1]); err != nil {
			return err
		}
	}
	w, err := form.CreateFormFile("file", name)
	if err != nil {
		return err
	}
	_, err = w.Write(file)
	if err := errors.Join(err, form.Close()); err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, form.FormDataContentType(), b.Bytes(), out)
}

// PostRaw sends in as JSON to a path below the base, and returns the answer as it is.
func (c *Client) PostRaw(ctx context.Context, path string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var out raw
	err = c.call(ctx, http.MethodPost, path, "application/json", body, &out)
	return out, err
}

// raw is an answer that is not JSON.
type raw []byte

// Get reads the answer of a path below the base into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, "", nil, out)
}

func (c *Client) call(ctx context.Context, method, path, kind string, body []byte, out any) error {
	if err := c.paused(); err != nil {
		return fmt.Errorf("%s: %w", c.Host(), err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "livedub")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if err := c.do(req, out); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address may hold what is not to be told
		}
		return fmt.Errorf("%s: %w", c.Host(), err)
	}
	return nil
}

func (c *Client) do(req *http.Request, out any) error {
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	most := maxAnswer
	plain, isRaw := out.(*raw)
	if isRaw {
		most = maxRaw
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	switch {
	case busy(resp):
		c.leave(resp.Header.Get("Retry-After"))
		return refusal(resp, b)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return refusal(resp, b)
	case err != nil:
		return fmt.Errorf("%w: it broke off after %d bytes: %w", ErrAnswer, len(b), err)
	case len(b) > most:
		return fmt.Errorf("%w: it is larger than %d MB", ErrAnswer, most>>20)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		return fmt.Errorf("%w: it is a page of HTML: check the address", ErrAnswer)
	}
	if isRaw {
		*plain = b
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

// refusal reads what a server says of an error: {"error": {"message": ...}} or {"error": ...}.
func refusal(resp *http.Response, body []byte) error {
	var doc struct{ Error json.RawMessage }
	var inner struct{ Message string }
	text := ""
	if json.Unmarshal(body, &doc) == nil && len(doc.Error) > 0 {
		if json.Unmarshal(doc.Error, &inner) == nil && inner.Message != "" {
			text = inner.Message
		} else {
			_ = json.Unmarshal(doc.Error, &text)
		}
	}
	return &StatusError{resp.StatusCode, Shorten(text)}
}

// Shorten makes one short line of what a server says, for an error.
func Shorten(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if len(text) > maxTold {
		text = strings.ToValidUTF8(text[:maxTold], "") + "..."
	}
	return text
}

// busy tells whether a server asks to be left alone.
func busy(resp *http.Response) bool {
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable
}

// leave notes for how long a server asked to be left alone: seconds, or a date.
func (c *Client) leave(after string) {
	wait := time.Second
	if s, err := strconv.Atoi(after); err == nil {
		wait = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		wait = time.Until(at)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause = time.Now().Add(min(max(wait, 0), longest))
}

func (c *Client) paused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left := time.Until(c.pause); left > 0 {
		return fmt.Errorf("%w: %v are left", ErrBusy, left.Round(100*time.Millisecond))
	}
	return nil
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }
