// Package pipe breaks the law.
package pipe

import (
	_ "strings"
)
