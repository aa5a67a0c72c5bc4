package awsfake

// Key returns the access key that is good now, for who asks with credentials of his own.
func (f *Fake) Key() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.access()
}
