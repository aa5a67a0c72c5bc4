package piper

// Name implements inference.Named.
func (p *Piper) Name() string { return "piper" }
