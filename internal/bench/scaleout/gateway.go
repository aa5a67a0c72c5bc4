package scaleout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	listTime = 5 * time.Second
	maxList  = 8 << 20
)

// Node is a node as a gateway lists it.
type Node struct {
	ID       string   `json:"id"`
	State    string   `json:"state"`
	Capacity float64  `json:"capacity"`
	Used     float64  `json:"used"`
	Sessions int      `json:"sessions"`
	Holds    []string `json:"holds"` // sessions
}

// Gateway tells which nodes there are.
type Gateway interface {
	Nodes(context.Context) ([]Node, error)
}

// Front is a gateway that is asked by HTTP.
type Front struct {
	Base  string
	Token string // of the operator
	HTTP  *http.Client
}

// Nodes lists them.
func (f Front) Nodes(ctx context.Context) ([]Node, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(f.Base, "/")+"/v1/sessions", nil)
	if err != nil {
		return nil, fmt.Errorf("--gateway: %w", err)
	}
	if f.Token != "" {
		req.Header.Set("Authorization", "Bearer "+f.Token)
	}
	resp, err := f.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the gateway does not answer: %w: is --gateway right?", err)
	}
	defer resp.Body.Close()
	if s := resp.StatusCode; s == http.StatusNotFound || s == http.StatusUnauthorized || s == http.StatusForbidden {
		return nil, fmt.Errorf("the gateway tells its nodes to the operator alone (HTTP %d): give its admin.token by LIVEDUB_ADMIN_TOKEN", s)
	} else if s != http.StatusOK {
		return nil, fmt.Errorf("the gateway does not list its nodes: HTTP %d", s)
	}
	var list struct {
		Nodes *[]Node `json:"nodes"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxList)).Decode(&list); err != nil || list.Nodes == nil {
		return nil, fmt.Errorf("%s does not answer as a gateway of a cluster does: name a gateway, not a node", f.Base)
	}
	return *list.Nodes, nil
}
