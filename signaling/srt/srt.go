// Package srt makes SubRip captions of the WebVTT that livedub writes.
package srt

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
)

// times is the line above a cue's text; hours may be missing.
var times = regexp.MustCompile(`^((?:\d+:)?\d\d:\d\d)\.(\d{3}) --> ((?:\d+:)?\d\d:\d\d)\.(\d{3})(?:\s|$)`)

// tags are what SubRip has no use for, as <lang en>.
var tags = regexp.MustCompile(`<[^>]*>`)

// arrow is what stands between the times of a cue, with any dashes before it.
var arrow = regexp.MustCompile(`--+>`)

// FromVTT returns WebVTT captions as SubRip: cues numbered from 1, without their
// settings and tags. What is no cue is left out. Lines end with CR LF.
func FromVTT(vtt []byte) []byte {
	var out bytes.Buffer
	n := 0
	for block := range strings.SplitSeq(strings.ReplaceAll(string(vtt), "\r\n", "\n"), "\n\n") {
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		for i, line := range lines {
			m := times.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			text := tags.ReplaceAllString(strings.Join(lines[i+1:], "\r\n"), "")
			// An arrow in a text would be read as the times of the next cue.
			if text = arrow.ReplaceAllString(html.UnescapeString(text), "->"); strings.TrimSpace(text) != "" {
				n++
				fmt.Fprintf(&out, "%d\r\n%s,%s --> %s,%s\r\n%s\r\n\r\n", n, hours(m[1]), m[2], hours(m[3]), m[4], text)
			}
			break
		}
	}
	return out.Bytes()
}

// hours returns a time with its hours.
func hours(t string) string {
	if strings.Count(t, ":") == 1 {
		return "00:" + t
	}
	return t
}
