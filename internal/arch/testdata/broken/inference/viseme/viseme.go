// Package viseme breaks the law.
package viseme

import (
	_ "livedub/inference"
	_ "testing" // want `inference/viseme may not import testing`
)
