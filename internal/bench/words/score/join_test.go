package score

import "testing"

// TestJoin: sentences that are gathered one by one make the same corpus as at once.
func TestJoin(t *testing.T) {
	var all, joined Corpus
	for _, p := range pinned {
		var one Corpus
		one.Add(p.hypothesis, p.reference)
		joined.Join(one)
		all.Add(p.hypothesis, p.reference)
	}
	if joined != all || joined.ChrF() == 0 {
		t.Errorf("%+v, %+v", joined, all)
	}
}
