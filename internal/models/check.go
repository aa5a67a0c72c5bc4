package models

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names of files that a store writes into a model's folder itself.
const (
	sumsFile    = "SHA256SUMS"
	licenceFile = "LICENCE"
)

const (
	maxText     = 200     // bytes of a path or a line for people
	maxLicence  = 1 << 16 // bytes of a licence's text
	maxFileSize = 1 << 37 // bytes: no net for this program is near it
)

var (
	nameForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	langForm    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	licenceForm = regexp.MustCompile(`^[A-Za-z0-9(][A-Za-z0-9.+() -]*$`)
	sumForm     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	convertForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	versionForm = regexp.MustCompile(`^[0-9][A-Za-z0-9.+!-]*$`)
	// None begins with a hyphen: a client would take it for a flag.
	packageForm = map[string]*regexp.Regexp{
		pypi: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`),
		npm:  regexp.MustCompile(`^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*$`),
	}
)

// check tells what is wrong with an entry.
func (e Entry) check() error {
	switch {
	case !nameForm.MatchString(e.Name) || strings.Contains(e.Name, ".."):
		return fmt.Errorf("the name %s is none: use small letters, digits, and . _ - between them", show(e.Name))
	case !plain(e.What) || e.What == "":
		return e.wrong("what: want one line of up to %d bytes", maxText)
	case !licenceForm.MatchString(e.Licence) || len(e.Licence) > maxText:
		return e.wrong("licence: %s is no SPDX expression, as MIT or CC-BY-NC-4.0", show(e.Licence))
	case (e.LicenceText == "") == (e.LicenceFile == ""):
		return e.wrong("give either licence_text or licence_file: the licence is kept beside the weights")
	case len(e.LicenceText) > maxLicence || !utf8.ValidString(e.LicenceText) || strings.ContainsFunc(e.LicenceText, unprintable):
		return e.wrong("licence_text: want up to %d bytes of plain text", maxLicence)
	case (e.Convert == "") != (len(e.Made) == 0):
		return e.wrong("convert and made go together: name the conversion and the files that it makes")
	case e.Convert != "" && !convertForm.MatchString(e.Convert):
		return e.wrong("convert: %s is no name of a conversion", show(e.Convert))
	}
	for _, l := range e.Languages {
		if !langForm.MatchString(l) {
			return e.wrong("languages: %s is no language tag, as es or pt-BR", show(l))
		}
	}
	if err := e.checkFiles(); err != nil {
		return e.wrong("%w", err)
	}
	return nil
}

// checkFiles holds paths, sizes, sums and sources.
func (e Entry) checkFiles() error {
	taken := map[string]bool{sumsFile: true}
	unpinned := 0
	if e.LicenceText != "" {
		taken[licenceFile] = true
	}
	for _, p := range e.Parts {
		if err := p.check(taken, e.Unpinned); err != nil {
			return err
		}
		if !p.pinned() {
			unpinned++
		}
		if p.Scratch && e.Convert == "" {
			return fmt.Errorf("%s: scratch: nothing uses it, for there is no convert", p.Path)
		}
		if len(p.Sources) == 0 {
			return fmt.Errorf("%s: has no sources", p.Path)
		}
		for _, s := range p.Sources {
			err := s.check()
			if err == nil && !p.pinned() && !s.secure() {
				err = errors.New("sources: where no sum is known, only https addresses tell whose bytes come")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.Path, err)
			}
		}
	}
	for _, f := range e.Made {
		if err := f.check(taken, e.Unpinned); err != nil {
			return err
		}
		if !f.pinned() {
			unpinned++
		}
	}
	if e.Unpinned && unpinned == 0 {
		return errors.New("unpinned: all files are pinned: leave it out")
	}
	if len(e.Files()) == 0 {
		return errors.New("has no files")
	}
	for file := range taken {
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
			if taken[dir] {
				return fmt.Errorf("path: %s is a file and a folder", dir)
			}
		}
	}
	if e.LicenceFile != "" && !slices.ContainsFunc(e.Files(), func(f File) bool { return f.Path == e.LicenceFile }) {
		return fmt.Errorf("licence_file: %s is not among the files", show(e.LicenceFile))
	}
	return nil
}

// check holds one file and adds its path to those taken. Its sum may be missing where unpinned allows that.
func (f File) check(taken map[string]bool, unpinned bool) error {
	switch {
	case !localPath(f.Path):
		return fmt.Errorf("path: %s is none within the model's folder", show(f.Path))
	case taken[f.Path]:
		return fmt.Errorf("path: %s is there twice", f.Path)
	case f.Size < 1 || f.Size > maxFileSize:
		return fmt.Errorf("%s: size: %d is not within 1..%d bytes", f.Path, f.Size, int64(maxFileSize))
	case f.SHA256 == "" && unpinned:
	case !sumForm.MatchString(f.SHA256):
		return fmt.Errorf("%s: sha256: %s is not 64 of 0-9 and a-f", f.Path, show(f.SHA256))
	}
	taken[f.Path] = true
	return nil
}

// localPath tells whether p stays within a folder, and hides nothing there.
func localPath(p string) bool {
	if !fs.ValidPath(p) || p == "." || !plain(p) || strings.ContainsAny(p, `\:`) {
		return false
	}
	for _, part := range strings.Split(p, "/") {
		if strings.HasPrefix(part, ".") || strings.TrimSpace(part) != part {
			return false
		}
	}
	return true
}

func (s Source) check() error {
	if (s.URL == "") == (len(s.Pieces) == 0) {
		return errors.New("a source is either a url or the pieces of packages")
	}
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || !plain(s.URL) {
			return fmt.Errorf("url: %s is no http or https address", show(s.URL))
		}
		if u.User != nil || u.Fragment != "" {
			return errors.New("url: has a user name or a fragment: leave them out")
		}
	}
	for _, p := range s.Pieces {
		form := packageForm[p.Package.Registry]
		switch {
		case form == nil:
			return fmt.Errorf("package: the registry %s is neither pypi nor npm", show(p.Package.Registry))
		case !form.MatchString(p.Package.Name) || len(p.Package.Name) > maxText:
			return fmt.Errorf("package: %s is no name of a package", show(p.Package.Name))
		case !versionForm.MatchString(p.Package.Version) || len(p.Package.Version) > maxText:
			return fmt.Errorf("package: %s is no version", show(p.Package.Version))
		case !plain(p.Member) || p.Member == "":
			return fmt.Errorf("member: %s is no file within a package", show(p.Member))
		}
	}
	return nil
}

// secure tells whether a source is an address whose owner is proven, or on this machine.
func (s Source) secure() bool {
	u, err := url.Parse(s.URL)
	if err != nil || s.URL == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (e Entry) wrong(format string, args ...any) error {
	return fmt.Errorf(e.Name+": "+format, args...)
}

// plain tells whether s is one short line that a terminal shows as it is.
func plain(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == '\n' || unprintable(r) })
}

func unprintable(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }

// show quotes foreign text for a one-line message and bounds its length.
func show(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
