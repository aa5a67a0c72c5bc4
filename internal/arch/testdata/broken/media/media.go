// Package media breaks the law.
package media

import (
	_ "time"

	_ "golang.org/x/sync/errgroup" // want `media imports the standard library only`

	_ "livedub/inference" // want `media may not import inference`
)
