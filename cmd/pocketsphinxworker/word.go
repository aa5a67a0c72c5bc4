package main

import "strings"

// spoken returns a dictionary entry's word without the mark of its pronunciation,
// "read" for "read(2)"; false for fillers: <s>, </s>, <sil>, [NOISE], ++breath++.
func spoken(entry string) (string, bool) {
	if entry == "" || strings.ContainsRune("<[+", rune(entry[0])) {
		return "", false
	}
	if i := strings.IndexByte(entry, '('); i >= 0 {
		entry = entry[:i]
	}
	return entry, entry != ""
}
