package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Check asks Redis for what the registry will need. It fails with a SettingError
// for a wrong password and other settings that waiting does not mend, and with
// ErrUnavailable where Redis does not answer now. warning is what goes well for now;
// "" for nothing.
func (r *Registry) Check(ctx context.Context) (warning string, err error) {
	err = findScript.Run(ctx, r.rdb, []string{r.prefix}, 0, 0, 0, 0, "check").Err()
	if err == nil {
		_, err = r.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Time(ctx)
			p.Set(ctx, r.prefix+"check", 1, time.Second)
			p.HMGet(ctx, keys("check")[0], "fence")
			return nil
		})
	}
	if err == nil {
		return r.evicts(ctx)
	}
	if errors.Is(err, redis.Nil) {
		return "", &SettingError{"master", fmt.Errorf("the Sentinels know no such master: %w", err)}
	}
	if setting, why := fault(err); setting != "" {
		return "", &SettingError{setting, fmt.Errorf("%s: %w", why, err)}
	}
	return "", unavailable(err)
}

const noEviction = "set maxmemory-policy noeviction in Redis"

// evicts looks whether Redis throws keys away when it is full. The index has no times
// to live, which only allkeys-* evicts; checkpoints and what has ended have.
func (r *Registry) evicts(ctx context.Context) (warning string, err error) {
	var mu sync.Mutex // shards are asked at once
	var unsure, lossy bool
	var policy string
	ask := func(ctx context.Context, shard redis.Cmdable) error {
		text, err := shard.Info(ctx, "memory").Result()
		is := field(text, "maxmemory_policy")
		bounded := field(text, "maxmemory") != "0"
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil || is == "": // managed ones may refuse
			unsure = true
		case strings.HasPrefix(is, "allkeys-") && bounded:
			return &SettingError{"maxmemory-policy", fmt.Errorf("%s: a full Redis would throw away where sessions are: %s", is, noEviction)}
		case is != "noeviction" && (bounded || strings.HasPrefix(is, "allkeys-")):
			lossy, policy = true, is
		}
		return nil
	}
	if c, ok := r.rdb.(*redis.ClusterClient); ok {
		err = c.ForEachMaster(ctx, func(ctx context.Context, shard *redis.Client) error { return ask(ctx, shard) })
	} else {
		err = ask(ctx, r.rdb)
	}
	switch {
	case err != nil:
		return "", err
	case lossy:
		return fmt.Sprintf("Redis has maxmemory-policy %s: when it is full it throws away what the cluster keeps: %s", policy, noEviction), nil
	case unsure:
		return "Redis does not tell its maxmemory-policy: give its user +info, and " + noEviction, nil
	}
	return "", nil
}

// field returns a field of what INFO says, "maxmemory:0".
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
