// Package speak breaks the law.
package speak

import (
	_ "livedub/inference/inferencetest" // want `inference/inferencetest is for tests only`
	_ "livedub/inference/speak/pipe"
	_ "livedub/inference/translate" // want `inference/speak may not import inference/translate`
	_ "livedub/media/codec"         // want `inference/speak may not import media/codec`
	_ "livedub/session"             // want `inference/speak may not import session`
)
