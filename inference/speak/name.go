package speak

// Name implements inference.Named.
func (e *Espeak) Name() string { return "espeak" }
