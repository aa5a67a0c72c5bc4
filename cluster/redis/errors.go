package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"livedub/cluster"
)

// unavailable says why Redis does not serve. All its errors are of that kind: the
// scripts answer with words.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	why := "Redis cannot be reached"
	for _, c := range []struct{ sign, why string }{
		{"OOM ", "Redis is full: raise maxmemory, or find what fills it"},
		{"READONLY", "this Redis is a replica, and read-only: name the master, or Sentinels"},
		{"MISCONF", "Redis refuses to write, since it cannot save to its disk"},
		{"NOREPLICAS", "Redis refuses to write, since replicas are missing"},
		{"LOADING", "Redis is starting"},
		{"MASTERDOWN", "the replica has lost its master"},
		{"CLUSTERDOWN", "Redis Cluster is down"},
		{"NOAUTH", "Redis wants a password"},
		{"WRONGPASS", "Redis refuses the user or the password"},
		{"NOPERM", "Redis gives the user too few rights"},
		{"BUSY ", "another client's script blocks Redis"},
	} {
		if strings.Contains(err.Error(), c.sign) {
			why = c.why
			break
		}
	}
	return fmt.Errorf("%w: %s: %w", cluster.ErrUnavailable, why, err)
}
