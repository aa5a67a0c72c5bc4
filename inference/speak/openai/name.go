package openai

// Name implements inference.Named.
func (s *Synthesizer) Name() string { return "openai" }
