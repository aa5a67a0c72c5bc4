package score

// Join adds what another corpus has.
func (c *Corpus) Join(other Corpus) {
	for i := range chrFOrder {
		c.hypothesis[i] += other.hypothesis[i]
		c.reference[i] += other.reference[i]
		c.both[i] += other.both[i]
	}
}
