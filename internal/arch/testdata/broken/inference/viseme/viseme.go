// Package viseme breaks the law.
package viseme

import (
	_ "testing" // want `inference/viseme may not import testing`

	_ "livedub/inference"
)
