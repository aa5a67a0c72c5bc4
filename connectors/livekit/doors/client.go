// Package doors speaks to livedub by its public doors, as any program may: sessions
// and their events by HTTP, voices and frames by WHIP and WHEP. A gateway has the same.
package doors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	requestTime = 15 * time.Second
	maxAnswer   = 4 << 20
)

// Client is who asks one livedub server, or gateway.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New returns a client of the server at an address like http://localhost:8080. token is
// sent as Bearer with what creates sessions; "" for none, as on the server's own machine.
func New(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("livedub's address %q is none: http://HOST:PORT is wanted", address)
	}
	return &Client{base: u, token: token, http: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Wanted is what a session is asked to be.
type Wanted struct {
	From    string   `json:"from"`
	To      []string `json:"to"`
	Profile string   `json:"profile,omitempty"`
	DelayMS *int     `json:"delay_ms,omitempty"`
	Consent bool     `json:"consent"`
}

// Session is a session as the server describes it; each address bears its right in itself.
type Session struct {
	ID      string            `json:"id"`
	From    string            `json:"from"`
	To      []string          `json:"to"`
	DelayMS int               `json:"delay_ms"`
	WHIP    string            `json:"whip"`
	WHEP    map[string]string `json:"whep"`
	Events  string            `json:"events"`
	Control string            `json:"control"`
	Now     float64           `json:"now"` // s on its clock, when it was described
	Dubs    map[string]Dub    `json:"dubs"`
}

// Dub is what a session says of one of its languages.
type Dub struct {
	Ladder string `json:"ladder"`
	Frames struct {
		In  int `json:"in"`
		Out int `json:"out"`
	} `json:"frames"`
	AVOffset map[string]*float64 `json:"av_offset_ms"`
}

// StatusError is a refusal.
type StatusError struct {
	Status     int
	Text, Hint string
	RetryAfter time.Duration // 0 where it was not said
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("livedub answers %d: %s", e.Status, e.Text)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Gone tells whether an error says that what was asked for is no more.
func Gone(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound
}

// Create makes a session.
func (c *Client) Create(ctx context.Context, w Wanted) (Session, error) {
	var s Session
	err := c.json(ctx, http.MethodPost, c.base.JoinPath("v1/sessions").String(), w, &s)
	if err == nil && (s.WHIP == "" || s.Control == "" || s.Events == "") {
		err = errors.New("livedub's answer names no addresses: is it livedub?")
	}
	return s, err
}

// Retarget makes these the languages of a session, and returns it with their addresses.
func (c *Client) Retarget(ctx context.Context, s Session, to []string) (Session, error) {
	var out Session
	err := c.json(ctx, http.MethodPatch, s.Control, map[string]any{"to": to}, &out)
	return out, err
}

// Look returns a session as it is now.
func (c *Client) Look(ctx context.Context, s Session) (Session, error) {
	var out Session
	err := c.json(ctx, http.MethodGet, s.Control, nil, &out)
	return out, err
}

// End ends a session with all its peers. One that is gone already is as well.
func (c *Client) End(ctx context.Context, s Session) error {
	err := c.json(ctx, http.MethodDelete, s.Control, nil, nil)
	if Gone(err) {
		return nil
	}
	return err
}

// Pairs returns what the server can dub: the languages that each is dubbed to.
func (c *Client) Pairs(ctx context.Context) (map[string][]string, error) {
	var out struct {
		Pairs []struct{ From, To string } `json:"pairs"`
	}
	if err := c.json(ctx, http.MethodGet, c.base.JoinPath("v1/languages").String(), nil, &out); err != nil {
		return nil, err
	}
	pairs := map[string][]string{}
	for _, p := range out.Pairs {
		pairs[p.From] = append(pairs[p.From], p.To)
	}
	return pairs, nil
}

// json sends one request, and reads its answer into out, nil for none.
func (c *Client) json(ctx context.Context, method, address string, in, out any) error {
	var body []byte
	kind := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		kind = "application/json"
	}
	answer, _, err := c.do(ctx, method, address, kind, body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("livedub's answer is not understood: %w", err)
	}
	return nil
}

// do sends one request and returns body and header of an answer that is no refusal.
func (c *Client) do(ctx context.Context, method, address, kind string, body []byte) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	resp, err := c.send(ctx, method, address, kind, body, "")
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && resp.StatusCode >= 300 {
		err = refusal(resp, answer)
	}
	return answer, resp.Header, err
}

// send sends one request. What the token is for are addresses that bear no right themselves.
func (c *Client) send(ctx context.Context, method, address, kind string, body []byte, after string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.token != "" && req.URL.Host == c.base.Host && !strings.Contains(req.URL.Path, "~") {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	return c.http.Do(req)
}

func refusal(resp *http.Response, body []byte) error {
	e := &StatusError{Status: resp.StatusCode, Text: resp.Status}
	var said struct{ Error, Hint string }
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		e.Text, e.Hint = said.Error, said.Hint
	}
	if wait, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil {
		e.RetryAfter = wait
	}
	return e
}
