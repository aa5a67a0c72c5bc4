package redis

import (
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/prelude.lua
	prelude string
	//go:embed lua/assign.lua
	assignLua string
	//go:embed lua/beat.lua
	beatLua string
	//go:embed lua/leave.lua
	leaveLua string
	//go:embed lua/place.lua
	placeLua string
	//go:embed lua/find.lua
	findLua string
	//go:embed lua/move.lua
	moveLua string
	//go:embed lua/hold.lua
	holdLua string
	//go:embed lua/release.lua
	releaseLua string
	//go:embed lua/reap.lua
	reapLua string
	//go:embed lua/deaths.lua
	deathsLua string
	//go:embed lua/save.lua
	saveLua string
	//go:embed lua/erase.lua
	eraseLua string
)

// Scripts are sent by their hash, and whole where Redis does not know them yet.
var (
	beatScript    = redis.NewScript(prelude + beatLua)
	leaveScript   = redis.NewScript(prelude + leaveLua)
	placeScript   = redis.NewScript(prelude + assignLua + placeLua)
	findScript    = redis.NewScript(prelude + findLua)
	moveScript    = redis.NewScript(prelude + assignLua + moveLua)
	holdScript    = redis.NewScript(prelude + holdLua)
	releaseScript = redis.NewScript(prelude + releaseLua)
	reapScript    = redis.NewScript(prelude + reapLua)
	deathsScript  = redis.NewScript(prelude + deathsLua)
	saveScript    = redis.NewScript(saveLua)
	eraseScript   = redis.NewScript(eraseLua)
)
