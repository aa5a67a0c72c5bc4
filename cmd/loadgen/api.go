package main

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
	requestTime = 10 * time.Second
	maxAnswer   = 4 << 20 // bytes of one answer
)

// client speaks HTTP with the server under load.
type client struct {
	base  string
	token string // of the operator; "" where this machine may create sessions anyway
	http  *http.Client
}

// newClient keeps as many connections open as sessions may ask at a time.
func newClient(base, token string, sessions int) *client {
	return &client{strings.TrimRight(base, "/"), token, &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: min(sessions, 64), IdleConnTimeout: 10 * time.Second,
	}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// statusError is a refusal of the server's, in its own words.
type statusError struct {
	status int
	text   string
}

func (e statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.text) }

// refusal reads what a refusal says.
func refusal(status int, body []byte) error {
	var said struct{ Error, Hint string }
	text := strings.TrimSpace(string(body[:min(len(body), 200)]))
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		text = said.Error
		if said.Hint != "" {
			text += ": " + said.Hint
		}
	}
	return statusError{status, text}
}

// reply is an answer, whole.
type reply struct {
	status   int // 0: none came
	location string
	body     []byte
}

// do makes a request and returns its answer.
func (c *client) do(ctx context.Context, method, address, kind string, body []byte) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.token != "" && address == c.base+"/v1/sessions" { // all other addresses bring their capability
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // whose text has the address, and in it the capability
			err = fmt.Errorf("%s: %w", method, at.Err)
		}
		return reply{}, err
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode}
	if r.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return r, err
	}
	if r.status/100 != 2 {
		return r, refusal(r.status, r.body)
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

// wanted is a session to be created.
type wanted struct {
	From    string   `json:"from"`
	To      []string `json:"to"`
	Profile string   `json:"profile,omitempty"`
	DelayMS *int     `json:"delay_ms,omitempty"`
	Consent bool     `json:"consent"`
}

// made is a session that was created: its addresses carry capabilities.
type made struct {
	ID      string            `json:"id"`
	Profile string            `json:"profile"`
	DelayMS int               `json:"delay_ms"`
	WHIP    string            `json:"whip"`
	WHEP    map[string]string `json:"whep"`
	Control string            `json:"control"`
}

// create makes a session.
func (c *client) create(ctx context.Context, w wanted) (made, error) {
	body, err := json.Marshal(w)
	if err != nil {
		return made{}, err
	}
	answer, err := c.do(ctx, http.MethodPost, c.base+"/v1/sessions", "application/json", body)
	if err != nil {
		return made{}, fmt.Errorf("create a session: %w", err)
	}
	var m made
	if err := json.Unmarshal(answer.body, &m); err != nil || m.WHIP == "" || m.Control == "" {
		return made{}, fmt.Errorf("create a session: %s does not answer as livedub does: is --base right?", c.base)
	}
	return m, nil
}

// state is what a session says of itself.
type state struct {
	Now  *float64       `json:"now"`
	Dubs map[string]dub `json:"dubs"`
}

type dub struct {
	Ladder  string   `json:"ladder"`
	Phrases []record `json:"phrases"`
}

// record is what became of one phrase in one dub; times are seconds on the session clock.
type record struct {
	ID          int      `json:"id"`
	SourceStart float64  `json:"source_start"`
	SourceEnd   float64  `json:"source_end"`
	DubStart    *float64 `json:"dub_start"`
	LateMS      *float64 `json:"late_ms"`
	Fate        string   `json:"fate"`
}

// look asks a session for its state.
func (c *client) look(ctx context.Context, control string) (state, error) {
	answer, err := c.do(ctx, http.MethodGet, control, "", nil)
	if err != nil {
		return state{}, err
	}
	var s state
	return s, json.Unmarshal(answer.body, &s)
}

// end ends a session; one that has ended already is no error.
func (c *client) end(ctx context.Context, control string) error {
	answer, err := c.do(ctx, http.MethodDelete, control, "", nil)
	if answer.status == http.StatusNotFound {
		return nil
	}
	return err
}
