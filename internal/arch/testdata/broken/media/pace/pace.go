// Package pace breaks the law.
package pace

import (
	_ "C" // want `media/pace may not import C`
)
