// Package translate breaks the law.
package translate

import (
	_ "github.com/spf13/pflag" // want `inference/translate may not import github.com/spf13/pflag`

	_ "livedub/inference/viseme"
)
