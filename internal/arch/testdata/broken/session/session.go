// Package session breaks the law.
package session

import (
	_ "gopkg.in/hraban/opus.v2" // want `session may not import gopkg.in/hraban/opus.v2`

	_ "livedub/inference/speak" // want `session may not import inference/speak`
	_ "livedub/media/pace"
	_ "livedub/signaling" // want `session may not import signaling`
)
