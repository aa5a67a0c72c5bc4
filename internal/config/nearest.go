package config

import "strings"

// Nearest returns the candidate that is the fewest edits away from name, the
// first of several; "" if there are no candidates.
func Nearest(name string, candidates []string) string {
	best, at := "", -1
	for _, c := range candidates {
		if d := distance(name, c); at < 0 || d < at {
			best, at = c, d
		}
	}
	return best
}

// nearestKey is Nearest for paths: a key that only lost or mistook its section
// is nearer than one that merely looks alike.
func nearestKey(path string, keys []string) string {
	leaf := path[strings.LastIndexByte(path, '.')+1:]
	for _, k := range keys {
		if s, l, ok := strings.Cut(k, "."); ok && l == leaf && !strings.HasPrefix(path, s+".") {
			return k
		}
	}
	return Nearest(path, keys)
}

// distance counts the edits from a to b: insertions, deletions, replacements
// and swaps of neighbours (optimal string alignment), case apart.
func distance(a, b string) int {
	const most = 64 // beyond, names are not alike anyway; bounds the work on hostile input
	x, y := clip(a, most), clip(b, most)
	two, one, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		two, one, row = one, row, two
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(one[j]+cost, one[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], two[j-1]+1)
			}
		}
	}
	return row[len(y)]
}

func clip(s string, most int) []rune {
	r := []rune(strings.ToLower(s))
	return r[:min(len(r), most)]
}
