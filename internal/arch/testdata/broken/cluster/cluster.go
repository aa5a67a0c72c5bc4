// Package cluster breaks the law.
package cluster

import (
	_ "github.com/google/uuid"       // want `cluster imports the standard library only`
	_ "github.com/redis/go-redis/v9" // want `cluster may not import github.com/redis/go-redis/v9`

	_ "livedub/session" // want `cluster may not import session` `cmd/gateway may not link livedub/session`
)
