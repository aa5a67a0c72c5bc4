package memory

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/cluster"
	"livedub/cluster/clustertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRegistry(t *testing.T) {
	clustertest.Test(t, func(_ *testing.T, rules cluster.Rules) clustertest.Ground {
		var ahead atomic.Int64
		r := New(rules, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		return clustertest.Ground{
			Open:    func() clustertest.Registry { return r },
			Advance: func(d time.Duration) { ahead.Add(int64(d)) },
		}
	})
}
