package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference/speak/wire"
)

// workerEnv makes this test binary the worker itself.
const workerEnv = "LIVEDUB_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// talk runs a worker on input and returns what it said and how it ended.
func talk(t *testing.T, input []byte) (hello wire.Hello, rest *bytes.Buffer, complaint string, err error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"=1")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &errs
	err = cmd.Run()
	hello, herr := wire.ReadHello(&out)
	if herr != nil {
		t.Fatalf("no hello: %v, %s", herr, errs.String())
	}
	return hello, &out, errs.String(), err
}

func TestEndsWithItsInput(t *testing.T) {
	hello, rest, complaint, err := talk(t, nil)
	if err != nil || rest.Len() > 0 || complaint != "" {
		t.Errorf("ended with %v, %d more bytes, %q", err, rest.Len(), complaint)
	}
	if hello.Rate != 22050 || len(hello.Voices) < 20 {
		t.Errorf("%d Hz, %d voices", hello.Rate, len(hello.Voices))
	}
}

func TestAnswersInOrder(t *testing.T) {
	var in bytes.Buffer
	for _, q := range []wire.Request{
		{Voice: "es+m3", Text: "papá", Speed: 175, Pitch: 50, Range: 50},
		{Voice: "nowhere+m3", Text: "a", Speed: 175, Pitch: 50, Range: 50},
		{Voice: "../../etc/passwd", Text: "a", Speed: 175, Pitch: 50, Range: 50},
		{Voice: "es+m3", Text: strings.Repeat("9", wire.MaxText), Speed: 80, Pitch: 50, Range: 50},
		{Voice: "es+m3", Text: "\x1b\x01", Speed: 450, Pitch: 99, Range: 0},
		{Voice: "fr+f2", Text: "weekend", Speed: 175, Pitch: 50, Range: 50},
	} {
		if err := wire.WriteRequest(&in, q); err != nil {
			t.Fatal(err)
		}
	}
	_, rest, _, err := talk(t, in.Bytes())
	if err != nil {
		t.Error(err)
	}
	var said []string
	for range 6 {
		p, err := wire.ReadReply(rest)
		if err != nil {
			t.Fatal(err)
		}
		var ipa []string
		for _, e := range p.Events {
			if e.Kind == wire.Phoneme && e.IPA != "" {
				ipa = append(ipa, e.IPA)
			}
		}
		said = append(said, strings.Join(ipa, " ")+"|"+p.Err)
	}
	if said[0] != "p a p a|" || !strings.Contains(said[5], "(en) w i") {
		t.Errorf("said %q, %q", said[0], said[5])
	}
	if !strings.Contains(said[1], "no voice") || !strings.Contains(said[2], "no voice name") || said[4] != "|" {
		t.Errorf("said %q, %q, %q", said[1], said[2], said[4])
	}
	if _, err := wire.ReadReply(rest); err != io.EOF {
		t.Errorf("after the last reply: %v", err)
	}
}

func TestBrokenInputEndsIt(t *testing.T) {
	for _, in := range []string{"hello", "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x01\x00\x00\x00\x07", "\x03\x00\x00\x00\x01\x00\x00"} {
		_, _, complaint, err := talk(t, []byte(in))
		if err == nil || strings.Count(complaint, "\n") != 1 {
			t.Errorf("%q: ended with %v and said %q", in, err, complaint)
		}
	}
}
