package recording

import (
	"path"
	"strings"

	"livedub/store"
)

const (
	longest = 64 // bytes of a part of a key

	initName       = "init.mp4"
	captionsName   = "captions.vtt"
	transcriptName = "transcript.json"
)

// isPart tells whether s can be a part of a key: letters, digits and ".-_", not
// beginning with a dot.
func isPart(s string) bool {
	return s != "" && len(s) <= longest && s[0] != '.' && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_", r))
	})
}

// isSegment tells whether s can be the name of a segment.
func isSegment(s string) bool {
	n, ok := strings.CutSuffix(s, ".m4s")
	return ok && len(n) >= 8 && len(n) <= 19 && strings.Trim(n, "0123456789") == ""
}

// isFile tells whether file is one of those of a language that can be read by name:
// "TAKE/init.mp4", "TAKE/00000012.m4s" or "LANG.mp4".
func isFile(lang, file string) bool {
	take, name, in := strings.Cut(file, "/")
	if !in {
		return file == lang+".mp4"
	}
	return isPart(take) && (name == initName || isSegment(name))
}

// key returns the key of a recording's file. It fails with store.ErrNotFound for what
// can be no recording, language or file of one: such a name reaches no store.
func key(id, lang, file string) (string, error) {
	if store.CheckEpoch(id) != nil || !isPart(lang) || !isFile(lang, file) {
		return "", store.ErrNotFound
	}
	return Dir(id) + lang + "/" + file, nil
}

// takeOf returns the language and the name of the take that a key below a recording's
// Dir describes, "es/a.json"; false for another file.
func takeOf(rest string) (lang, take string, ok bool) {
	lang, file, in := strings.Cut(rest, "/")
	take, ok = strings.CutSuffix(file, ".json")
	return lang, take, in && ok && isPart(lang) && isPart(take) && file != transcriptName
}

// types are the media types of a recording's files, by their extension.
var types = map[string]store.Type{
	".m3u8": "application/vnd.apple.mpegurl",
	".m4s":  "video/iso.segment",
	".mp4":  "video/mp4",
	".vtt":  "text/vtt; charset=utf-8",
	".json": "application/json",
}

// typeOf returns the media type of a file by its name.
func typeOf(name string) store.Type { return types[path.Ext(name)] }
