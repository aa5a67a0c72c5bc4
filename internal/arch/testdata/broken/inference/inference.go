// Package inference breaks the law.
package inference

import (
	_ "gopkg.in/yaml.v3" // want `inference may not import gopkg.in/yaml.v3`

	_ "livedub/inference/viseme" // want `inference may not import inference/viseme`
	_ "livedub/media"
)
