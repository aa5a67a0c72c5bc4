// Package inferencetest breaks the law.
package inferencetest

import (
	_ "livedub/inference"
	_ "testing"
)
