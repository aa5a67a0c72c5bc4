package spec

// StandIn is a publisher that stands in for a speaker who is still connected
// elsewhere. It gives way to any other publisher at once.
type StandIn interface {
	Publisher
	// Replaced ends it, since the speaker has come, and waits for all of it.
	Replaced()
}
