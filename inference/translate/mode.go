package translate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxStages bounds a mode file; the longest of the published pairs has 16.
const maxStages = 40

// parseMode reads an Apertium mode file: a shell pipeline in one line, as
//
//	lt-proc '/a/eng-spa.automorf.bin' | apertium-tagger -g $2 '/a/eng-spa.prob' | ...
//
// and returns the words of each stage. Of the shell it knows quotes, backslash,
// the pipe, and the two arguments that the apertium command gives a mode: $1
// becomes -n, which generates without marking unknown words, and $2 (options of
// the tagger) vanishes. Anything else a shell would act on is an error: nothing
// is ever handed to a shell.
func parseMode(text string) ([][]string, error) {
	var (
		stages [][]string
		words  []string
		word   []byte
		inWord bool
	)
	endWord := func() {
		if inWord {
			words = append(words, string(word))
		}
		word, inWord = nil, false
	}
	endStage := func() error {
		endWord()
		if len(words) == 0 {
			return errors.New("a stage is empty")
		}
		if stages = append(stages, words); len(stages) > maxStages {
			return fmt.Errorf("more than %d stages", maxStages)
		}
		words = nil
		return nil
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\n', '\r':
			endWord()
		case '|':
			if err := endStage(); err != nil {
				return nil, err
			}
		case '\'', '"':
			n := strings.IndexByte(text[i+1:], c)
			if n < 0 {
				return nil, errors.New("a quote is not closed")
			}
			quoted := text[i+1 : i+1+n]
			if c == '"' && strings.ContainsAny(quoted, "$`\\") {
				return nil, fmt.Errorf("cannot read %q", quoted)
			}
			word, inWord = append(word, quoted...), true
			i += n + 1
		case '\\':
			if i++; i == len(text) {
				return nil, errors.New("ends in a backslash")
			}
			word, inWord = append(word, text[i]), true
		case '$':
			i++
			alone := !inWord && (i+1 >= len(text) || strings.IndexByte(" \t\r\n|", text[i+1]) >= 0)
			switch {
			case alone && i < len(text) && text[i] == '1':
				words = append(words, "-n")
			case alone && i < len(text) && text[i] == '2':
			default:
				return nil, errors.New("knows only $1 and $2, as words")
			}
		case 0, ';', '&', '<', '>', '(', ')', '`', '*', '?', '[', ']', '{', '}', '~', '#', '!':
			return nil, fmt.Errorf("cannot read %q outside quotes", c)
		default:
			word, inWord = append(word, c), true
		}
	}
	if err := endStage(); err != nil {
		return nil, err
	}
	return stages, nil
}

// loadMode reads a mode file and returns the command lines of its stages with
// absolute program paths, each told (-z) to flush its output after a NUL. It
// fails if a program or a data file is not there.
func loadMode(path string) ([][]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	stages, err := parseMode(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, s := range stages {
		prog, err := exec.LookPath(s[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, w := range s[1:] {
			if filepath.IsAbs(w) {
				if _, err := os.Stat(w); err != nil {
					return nil, fmt.Errorf("%s: %w", path, err)
				}
			}
		}
		stages[i] = append([]string{prog, "-z"}, s[1:]...)
	}
	return stages, nil
}
