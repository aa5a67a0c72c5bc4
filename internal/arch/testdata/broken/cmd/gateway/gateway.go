// Command gateway breaks the law.
package main

import (
	_ "livedub/cluster"
	_ "livedub/internal/config"
	_ "livedub/media/codec" // want `cmd/gateway may not import media/codec` `cmd/gateway may not link livedub/media/codec`
)

func main() {}
