// Package signaling breaks the law.
package signaling

import (
	_ "github.com/pion/webrtc/v4"

	_ "livedub/session" // want `signaling may not import session`
	_ "livedub/store"
)
