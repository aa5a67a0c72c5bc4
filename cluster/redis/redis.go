// Package redis keeps a cluster's record in Redis (7 and newer; Sentinel, Cluster,
// TLS and ACL users by options), each step one Lua script by Redis' own clock.
//
// The index has one hash tag, {PREFIX}, and so one slot; checkpoints are below
// {s:SESSION} and spread over all. A user needs the rights that ACL returns.
package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"livedub/cluster"
)

// Registry is a cluster.Registry and cluster.Checkpoints.
type Registry struct {
	rdb    redis.UniversalClient
	rules  cluster.Rules
	prefix string // "{dub}:"
	now    func() time.Time

	mu     sync.Mutex        // held for a heartbeat: the next one shows its token
	tokens map[string]string // the last that came back, by node and boot
}

var (
	_ cluster.Registry    = (*Registry)(nil)
	_ cluster.Checkpoints = (*Registry)(nil)
)

// Close lets go of the connections.
func (r *Registry) Close() error { return r.rdb.Close() }

// call runs a script of the index and returns the word that it answers with, and the rest.
func (r *Registry) call(ctx context.Context, s *redis.Script, args ...any) (string, []string, error) {
	all := append([]any{
		r.rules.Dead.Microseconds(), 2 * r.rules.Every.Microseconds(), r.rules.Confirm.Microseconds(),
		r.keepSeconds(),
	}, args...)
	return r.run(ctx, s, []string{r.prefix}, all)
}

func (r *Registry) run(ctx context.Context, s *redis.Script, keys []string, args []any) (string, []string, error) {
	got, err := s.Run(ctx, r.rdb, keys, args...).StringSlice()
	if err != nil {
		return "", nil, unavailable(err)
	}
	if len(got) == 0 {
		return "", nil, fmt.Errorf("%w: Redis answered with nothing", cluster.ErrUnavailable)
	}
	return got[0], got[1:], nil
}

// Beat renews a node. A node that has no token yet, or whose last answer was lost,
// pings once before.
func (r *Registry) Beat(ctx context.Context, n cluster.Node) (cluster.Pulse, error) {
	if err := n.Check(); err != nil {
		return cluster.Pulse{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	who := n.ID + " " + n.Boot
	for range 3 {
		sent := r.now()
		word, got, err := r.call(ctx, beatScript, n.ID, n.Boot, cmp.Or(r.tokens[who], "0"), string(n.State), n.Addr,
			cluster.Capacity(n.Capacity), float(n.GPU), float(n.Memory), n.Headroom(), n.Holds)
		trip := r.now().Sub(sent)
		switch {
		case err != nil:
			return cluster.Pulse{}, err
		case word == "taken":
			return cluster.Pulse{}, fmt.Errorf("%w: node %s", cluster.ErrTaken, n.ID)
		case len(got) == 0:
			return cluster.Pulse{}, unreadable("heartbeat", got)
		}
		r.tokens[who] = got[0]
		if word == "ok" {
			return decodePulse(got, sent, trip)
		}
	}
	return cluster.Pulse{}, fmt.Errorf("%w: node %s is not renewed, since others beat as the same process", cluster.ErrTaken, n.ID)
}

// Leave takes a node out.
func (r *Registry) Leave(ctx context.Context, node, boot string) error {
	r.mu.Lock()
	delete(r.tokens, node+" "+boot)
	r.mu.Unlock()
	_, _, err := r.call(ctx, leaveScript, node, boot)
	return err
}

// Place claims a place.
func (r *Registry) Place(ctx context.Context, a cluster.Ask) (cluster.Claim, error) {
	return r.assign(ctx, placeScript, a)
}

// Move gives a session to another node.
func (r *Registry) Move(ctx context.Context, a cluster.Ask, seen cluster.Fence) (cluster.Claim, error) {
	return r.assign(ctx, moveScript, a, int64(seen), a.Refused, a.To.Node, a.To.Boot)
}

func (r *Registry) assign(ctx context.Context, s *redis.Script, a cluster.Ask, more ...any) (cluster.Claim, error) {
	if err := a.Check(); err != nil {
		return cluster.Claim{}, err
	}
	// The client repeats a call whose answer was lost: `try` tells that from another's.
	args := append([]any{a.Session, cluster.Cost(a.Cost), rand.Text(), string(r.rules.Policy)}, more...)
	word, got, err := r.call(ctx, s, args...)
	if err != nil {
		return cluster.Claim{}, err
	}
	switch word {
	case "full":
		return cluster.Claim{}, fmt.Errorf("%w: session %s asks for %v places", cluster.ErrFull, a.Session, a.Cost)
	case "unknown":
		return cluster.Claim{}, fmt.Errorf("%w: %s", cluster.ErrUnknown, a.Session)
	case "node":
		return cluster.Claim{}, fmt.Errorf("%w: node %s is not known, or as another process: let it beat first", cluster.ErrNode, a.To.Node)
	}
	c, err := decodeClaim(a.Session, got)
	switch {
	case err != nil:
		return cluster.Claim{}, err
	case word == "claimed":
		return c, fmt.Errorf("%w: session %s", cluster.ErrClaimed, a.Session)
	case word == "stale":
		return c, fmt.Errorf("%w: session %s", cluster.ErrStale, a.Session)
	}
	return c, nil
}

// Find returns a claim, by one call.
func (r *Registry) Find(ctx context.Context, session string) (cluster.Claim, error) {
	if err := cluster.CheckID(session); err != nil {
		return cluster.Claim{}, fmt.Errorf("%w: %w", cluster.ErrUnknown, err)
	}
	word, got, err := r.call(ctx, findScript, session)
	switch {
	case err != nil:
		return cluster.Claim{}, err
	case word == "unknown":
		return cluster.Claim{}, fmt.Errorf("%w: %s", cluster.ErrUnknown, session)
	}
	return decodeClaim(session, got)
}

// Hold proves a claim.
func (r *Registry) Hold(ctx context.Context, c cluster.Claim) error {
	if err := (cluster.Ask{Session: c.Session, Cost: c.Cost}).Check(); err != nil {
		return err
	}
	word, _, err := r.call(ctx, holdScript, c.Session, c.Node, c.Boot, int64(c.Fence), cluster.Cost(c.Cost))
	switch {
	case err != nil:
		return err
	case word == "node":
		return fmt.Errorf("%w: node %s is not known, or as another process: let it beat first", cluster.ErrNode, c.Node)
	case word == "stale":
		return fmt.Errorf("%w: session %s, fence %d", cluster.ErrStale, c.Session, c.Fence)
	}
	return nil
}

// Release ends a claim.
func (r *Registry) Release(ctx context.Context, session string, f cluster.Fence) error {
	word, _, err := r.call(ctx, releaseScript, session, int64(f))
	if err == nil && word == "stale" {
		return fmt.Errorf("%w: session %s, fence %d", cluster.ErrStale, session, f)
	}
	return err
}

// Reap takes out what is dead.
func (r *Registry) Reap(ctx context.Context) ([]cluster.Claim, error) {
	_, got, err := r.call(ctx, reapScript)
	if err != nil {
		return nil, err
	}
	var lost []cluster.Claim
	for part := range slices.Chunk(got, 6) {
		c, err := decodeClaim(part[0], append(part[1:len(part):len(part)], "1", "", "", ""))
		if err != nil {
			return lost, err
		}
		lost = append(lost, c)
	}
	return lost, nil
}

// Deaths tells of nodes that were found dead, each once.
func (r *Registry) Deaths(ctx context.Context) (int, error) {
	_, got, err := r.call(ctx, deathsScript)
	if err != nil {
		return 0, err
	}
	if len(got) == 1 {
		if n, err := strconv.Atoi(got[0]); err == nil && n >= 0 {
			return n, nil
		}
	}
	return 0, unreadable("number of deaths", got)
}

// Nodes lists the nodes. It reads each, in one pipeline.
func (r *Registry) Nodes(ctx context.Context) ([]cluster.Status, error) {
	now, err := r.rdb.Time(ctx).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	beats, err := r.rdb.ZRangeWithScores(ctx, r.prefix+"hb", 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	pipe := r.rdb.Pipeline()
	hashes := make([]*redis.MapStringStringCmd, len(beats))
	counts := make([]*redis.IntCmd, len(beats))
	for i, b := range beats {
		id, _ := b.Member.(string)
		hashes[i] = pipe.HGetAll(ctx, r.prefix+"n:"+id)
		counts[i] = pipe.SCard(ctx, r.prefix+"ns:"+id)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	list := make([]cluster.Status, 0, len(beats))
	for i, b := range beats {
		id, _ := b.Member.(string)
		h := hashes[i].Val()
		if len(h) == 0 { // left meanwhile
			continue
		}
		s, err := decodeNode(id, h)
		if err != nil {
			return nil, err
		}
		s.Claims, s.Age = int(counts[i].Val()), now.Sub(time.UnixMicro(int64(b.Score)))
		s.Dead = s.Age >= r.rules.Dead
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b cluster.Status) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

func float(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
