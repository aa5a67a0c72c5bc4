// Package caller is a client of a livedub server, as callers use it: speakers that
// publish marked material and viewers that measure what comes, which come back by
// themselves when their node is lost or tells them to move. Load and chaos tests share it.
package caller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"livedub/internal/testkit/netem"
)

const (
	requestTime = 10 * time.Second
	maxAnswer   = 4 << 20 // bytes of one answer
	fenceHeader = "Livedub-Fence"
)

// Client speaks HTTP with a server or a gateway.
type Client struct {
	base  string
	token string // of the operator; "" where this machine may create sessions anyway
	http  *http.Client
	media func(answer string) *netem.Relay // nil: media takes no relay
}

// NewClient keeps as many connections open as peers may ask at a time.
func NewClient(base, token string, peers int) *Client {
	return &Client{base: strings.TrimRight(base, "/"), token: token, http: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: min(peers, 64), IdleConnTimeout: 10 * time.Second,
	}}}
}

// Through has media take the relay that belongs to an answer.
func (c *Client) Through(relay func(answer string) *netem.Relay) { c.media = relay }

// Close lets go of connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// StatusError is a refusal of the server's, in its own words.
type StatusError struct {
	Status int
	Retry  string // Retry-After
	text   string
}

func (e StatusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.Status, e.text) }

// refusal reads what a refusal says.
func refusal(resp *http.Response, body []byte) error {
	var said struct{ Error, Hint string }
	text := strings.TrimSpace(string(body[:min(len(body), 200)]))
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		text = said.Error
		if said.Hint != "" {
			text += ": " + said.Hint
		}
	}
	return StatusError{resp.StatusCode, resp.Header.Get("Retry-After"), text}
}

// reply is an answer, whole.
type reply struct {
	status   int // 0: none came
	location string
	fence    int64 // 0: none was told
	body     []byte
}

// do makes a request and returns its answer.
func (c *Client) do(ctx context.Context, method, address, kind string, body []byte) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	resp, err := c.send(ctx, method, address, kind, body)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, fence: fenceOf(resp)}
	if r.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return r, err
	}
	if r.status/100 != 2 {
		return r, refusal(resp, r.body)
	}
	if location := resp.Header.Get("Location"); location != "" {
		at, err := resp.Request.URL.Parse(location)
		if err != nil {
			return r, fmt.Errorf("the answer's Location: %w", err)
		}
		r.location = at.String()
	}
	return r, nil
}

// send makes a request and returns its answer, whose body the caller closes.
func (c *Client) send(ctx context.Context, method, address, kind string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.token != "" && address == c.base+"/v1/sessions" { // all other addresses bring their capability
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if at := (*url.Error)(nil); errors.As(err, &at) { // whose text has the address, and in it the capability
		err = fmt.Errorf("%s: %w", method, at.Err)
	}
	return resp, err
}

// fenceOf returns the fence that an answer tells; 0 for none.
func fenceOf(resp *http.Response) int64 {
	f, err := strconv.ParseInt(resp.Header.Get(fenceHeader), 10, 64)
	if err != nil {
		return 0
	}
	return f
}

// Wanted is a session to be created.
type Wanted struct {
	From    string   `json:"from"`
	To      []string `json:"to"`
	Profile string   `json:"profile,omitempty"`
	DelayMS *int     `json:"delay_ms,omitempty"`
	Consent bool     `json:"consent"`
}

// Made is a session that was created: its addresses carry capabilities.
type Made struct {
	ID      string            `json:"id"`
	Profile string            `json:"profile"`
	DelayMS int               `json:"delay_ms"`
	WHIP    string            `json:"whip"`
	WHEP    map[string]string `json:"whep"`
	Control string            `json:"control"`
}

// Create makes a session.
func (c *Client) Create(ctx context.Context, w Wanted) (Made, error) {
	body, err := json.Marshal(w)
	if err != nil {
		return Made{}, err
	}
	answer, err := c.do(ctx, http.MethodPost, c.base+"/v1/sessions", "application/json", body)
	if err != nil {
		return Made{}, fmt.Errorf("create a session: %w", err)
	}
	var m Made
	if err := json.Unmarshal(answer.body, &m); err != nil || m.WHIP == "" || m.Control == "" {
		return Made{}, fmt.Errorf("create a session: %s does not answer as livedub does: is --base right?", c.base)
	}
	return m, nil
}

// State is what a session says of itself.
type State struct {
	Fence int64          `json:"fence"` // 0 outside of a cluster
	Now   *float64       `json:"now"`
	Dubs  map[string]Dub `json:"dubs"`
}

// Dub is one language of it.
type Dub struct {
	Ladder  string   `json:"ladder"`
	Phrases []Record `json:"phrases"`
}

// Record is what became of one phrase in one dub; times are seconds on the session clock.
type Record struct {
	ID          int      `json:"id"`
	SourceStart float64  `json:"source_start"`
	SourceEnd   float64  `json:"source_end"`
	DubStart    *float64 `json:"dub_start"`
	LateMS      *float64 `json:"late_ms"`
	Fate        string   `json:"fate"`
}

// Look asks a session for its state. An answer with a lower fence than was seen is an error.
func (c *Client) Look(ctx context.Context, control string, f *Fence) (State, error) {
	answer, err := c.do(ctx, http.MethodGet, control, "", nil)
	if err != nil {
		return State{}, err
	}
	if err := f.see(answer.fence); err != nil {
		return State{}, err
	}
	s := State{Fence: answer.fence}
	return s, json.Unmarshal(answer.body, &s)
}

// End ends a session; one that has ended already is no error.
func (c *Client) End(ctx context.Context, control string) error {
	answer, err := c.do(ctx, http.MethodDelete, control, "", nil)
	if answer.status == http.StatusNotFound {
		return nil
	}
	return err
}
