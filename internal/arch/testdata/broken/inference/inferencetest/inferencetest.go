// Package inferencetest breaks the law.
package inferencetest

import (
	_ "testing"

	_ "livedub/inference"
)
