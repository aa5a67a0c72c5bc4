// Package codec breaks the law.
package codec

import (
	_ "C"

	_ "livedub/inference" // want `media/codec may not import inference`
	_ "livedub/media"
	_ "livedub/session" // want `media/codec may not import session`
)
