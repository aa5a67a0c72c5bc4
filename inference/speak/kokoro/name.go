package kokoro

// Name implements inference.Named.
func (k *Kokoro) Name() string { return "kokoro" }
