package models

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	maxCatalogue = 1 << 20 // bytes of a catalogue's file
	maxEntries   = 1000
	maxParts     = 1000 // files of one entry
)

// Builtin returns the catalogue that comes with the program.
func Builtin() []Entry {
	return slices.Concat(whispers(), []Entry{zipformer(), parakeet(), senseVoice()}, kokoros(), pipers())
}

// The form of a catalogue's file.
type (
	catalogueDoc struct {
		Models []entryDoc `yaml:"models"`
	}
	entryDoc struct {
		Name          string    `yaml:"name"`
		What          string    `yaml:"what"`
		Languages     []string  `yaml:"languages"`
		Licence       string    `yaml:"licence"`
		LicenceText   string    `yaml:"licence_text"`
		LicenceFile   string    `yaml:"licence_file"`
		NonCommercial bool      `yaml:"non_commercial"`
		OwnTerms      bool      `yaml:"own_terms"`
		Unpinned      bool      `yaml:"unpinned"`
		Files         []partDoc `yaml:"files"`
		Convert       string    `yaml:"convert"`
		Made          []fileDoc `yaml:"made"`
	}
	fileDoc struct {
		Path   string `yaml:"path"`
		Size   int64  `yaml:"size"`
		SHA256 string `yaml:"sha256"`
	}
	partDoc struct {
		fileDoc `yaml:",inline"`
		Scratch bool        `yaml:"scratch"`
		Sources []sourceDoc `yaml:"sources"`
	}
	sourceDoc struct {
		URL    string     `yaml:"url"`
		Pieces []pieceDoc `yaml:"pieces"`
	}
	pieceDoc struct {
		Package string `yaml:"package"` // "pypi NAME==1.0", "npm NAME@1.0"
		Member  string `yaml:"member"`
	}
)

// ReadFile reads a catalogue's file: YAML or JSON, with a list "models".
func ReadFile(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("models: the catalogue: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCatalogue+1))
	if err != nil {
		return nil, fmt.Errorf("models: the catalogue: %w", err)
	}
	entries, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("models: the catalogue %s: %w", path, err)
	}
	return entries, nil
}

// parse reads a catalogue; what it returns has been checked, one entry at a time.
func parse(b []byte) ([]Entry, error) {
	if len(b) > maxCatalogue {
		return nil, fmt.Errorf("is larger than %d bytes", maxCatalogue)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	var doc catalogueDoc
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one document: keep the first")
	}
	if len(doc.Models) > maxEntries {
		return nil, fmt.Errorf("has %d models, more than %d", len(doc.Models), maxEntries)
	}
	var entries []Entry
	for _, d := range doc.Models {
		e, err := d.entry()
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, join(entries, nil)
}

func (d entryDoc) entry() (Entry, error) {
	e := Entry{
		Name: d.Name, What: d.What, Languages: d.Languages, Licence: d.Licence, LicenceText: d.LicenceText, LicenceFile: d.LicenceFile,
		NonCommercial: d.NonCommercial, OwnTerms: d.OwnTerms, Unpinned: d.Unpinned, Convert: d.Convert,
	}
	if n := len(d.Files) + len(d.Made); n > maxParts {
		return Entry{}, e.wrong("has %d files, more than %d", n, maxParts)
	}
	for _, p := range d.Files {
		part := Part{File: File(p.fileDoc), Scratch: p.Scratch}
		for _, s := range p.Sources {
			source := Source{URL: s.URL}
			for _, piece := range s.Pieces {
				from, err := parsePackage(piece.Package)
				if err != nil {
					return Entry{}, e.wrong("%s: %w", show(p.Path), err)
				}
				source.Pieces = append(source.Pieces, Piece{from, piece.Member})
			}
			part.Sources = append(part.Sources, source)
		}
		e.Parts = append(e.Parts, part)
	}
	for _, f := range d.Made {
		e.Made = append(e.Made, File(f))
	}
	return e, e.check()
}

// parsePackage reads "pypi NAME==VERSION" or "npm NAME@VERSION".
func parsePackage(s string) (Package, error) {
	registry, rest, _ := strings.Cut(s, " ")
	mark := map[string]string{pypi: "==", npm: "@"}[registry]
	if at := strings.LastIndex(rest, mark); mark != "" && at > 0 {
		return Package{registry, rest[:at], rest[at+len(mark):]}, nil
	}
	return Package{}, fmt.Errorf("package: %s is none: write it as \"pypi NAME==1.0\" or \"npm NAME@1.0\"", show(s))
}

// join tells whether more may stand beside entries: no name comes twice.
func join(more, entries []Entry) error {
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Name] = true
	}
	for _, e := range more {
		if seen[e.Name] {
			return fmt.Errorf("%s is there twice: give one of them another name", e.Name)
		}
		seen[e.Name] = true
	}
	return nil
}
