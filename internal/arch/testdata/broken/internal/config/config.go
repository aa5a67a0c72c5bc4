// Package config breaks the law.
package config

import (
	_ "github.com/pion/rtp" // want `internal/config may not import github.com/pion/rtp` `cmd/gateway may not link github.com/pion/rtp (cmd/gateway > internal/config)`
	_ "gopkg.in/yaml.v3"

	_ "livedub/session" // want `internal/config may not import session` `cmd/gateway may not link livedub/session`
)
