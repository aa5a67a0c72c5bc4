// Command espeakworker breaks the law.
package main

import (
	_ "C"

	_ "livedub/media" // want `cmd/espeakworker may not import media`
)

func main() {}
