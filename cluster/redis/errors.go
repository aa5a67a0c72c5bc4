package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"livedub/cluster"
)

// faults are what Redis and the client say, in our words, and which setting mends it;
// none where waiting does. The first that fits counts.
var faults = []struct{ sign, setting, why string }{
	{"all sentinels specified in configuration are unreachable: NOAUTH", "sentinel_password", "Sentinel wants a password"},
	{"all sentinels specified in configuration are unreachable: WRONGPASS", "sentinel_password", "Sentinel refuses the user or the password"},
	{"OOM ", "memory", "Redis is full: raise maxmemory, or find what fills it"},
	{"READONLY", "addresses", "this Redis is a replica, and read-only: name the master, or Sentinels"},
	{"MISCONF", "disk", "Redis refuses to write, since it cannot save to its disk"},
	{"NOREPLICAS", "", "Redis refuses to write, since replicas are missing"},
	{"LOADING", "", "Redis is starting"},
	{"MASTERDOWN", "", "the replica has lost its master"},
	{"CLUSTERDOWN", "", "Redis Cluster is down"},
	{"BUSY ", "", "another client's script blocks Redis"},
	{"NOAUTH", "password", "Redis wants a password"},
	{"WRONGPASS", "password", "Redis refuses the user or the password"},
	{"NOPERM", "user", "Redis gives the user too few rights"},
	{"DB index is out of range", "db", "Redis has no such database"},
	{"cluster support disabled", "addresses", "this is no Redis Cluster"},
	{"MOVED", "addresses", "this is a Redis Cluster, and is not configured as one"},
	{"tls: ", "tls", "the connection cannot be secured"},
	{"x509: ", "tls", "the certificate is not trusted"},
}

// fault returns which setting an error is about, if any, and why Redis does not serve.
func fault(err error) (setting, why string) {
	for _, f := range faults {
		if strings.Contains(err.Error(), f.sign) {
			return f.setting, f.why
		}
	}
	return "", "Redis cannot be reached"
}

// unavailable says why Redis does not serve. All its errors are of that kind: the
// scripts answer with words.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	_, why := fault(err)
	return fmt.Errorf("%w: %s: %w", cluster.ErrUnavailable, why, err)
}
