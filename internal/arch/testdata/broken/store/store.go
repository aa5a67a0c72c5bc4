// Package store breaks the law.
package store

import (
	_ "livedub/session" // want `store may not import session`
)
