package gateway_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"livedub/store"
)

// drawer is what a fake node keeps under a key.
type drawer struct {
	mu   sync.Mutex
	has  string
	err  error
	told int
}

func (d *drawer) Erase(_ context.Context, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told++
	switch {
	case d.err != nil:
		return d.err
	case d.has != key:
		return store.ErrNotFound
	}
	d.has = ""
	return nil
}

// TestMouthsEverywhere: mouths are erased at all nodes, by who bears their key; where a node
// cannot, that is told.
func TestMouthsEverywhere(t *testing.T) {
	const key = "a-key-that-is-not-told"
	c := newTown(t)
	one, two := &drawer{has: "another"}, &drawer{has: key}
	for id, d := range map[string]*drawer{"a": one, "b": two} {
		c.mouth = d
		c.node(id, 4, nil)
	}
	g := c.gateway()
	erase := func() (int, string) {
		resp, body := g.ask("DELETE", "/v1/mouths", "", "Authorization", "Bearer "+key)
		return resp.StatusCode, body
	}
	if status, body := erase(); status != 204 || two.has != "" || one.told != 1 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := erase(); status != 404 || strings.Contains(body, key) {
		t.Errorf("once more: %d %s", status, body)
	}
	two.err = store.ErrUnavailable
	if status, body := erase(); status != 502 || !strings.Contains(body, "did not delete the mouths") || strings.Contains(body, key) {
		t.Errorf("while a node cannot: %d %s", status, body)
	}
	if resp, body := g.ask("GET", "/v1/mouths", ""); resp.StatusCode != 405 {
		t.Errorf("GET: %d %s", resp.StatusCode, body)
	}
}
