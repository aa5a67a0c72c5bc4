package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference/speak/wire"
	frame "livedub/internal/worker/wire"
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
	m, herr := frame.Read(&out, frame.MaxHello)
	if herr == nil {
		hello, herr = wire.DecodeHello(m.Body)
	}
	if herr != nil || m.Kind != frame.Hello {
		t.Fatalf("no hello: %v, %v, %s", m.Kind, herr, errs.String())
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
	for i, q := range []wire.Request{
		{Voice: "es+m3", Text: "papá", Speed: 175, Pitch: 50, Range: 50},
		{Voice: "nowhere+m3", Text: "a", Speed: 175, Pitch: 50, Range: 50},
		{Voice: "../../etc/passwd", Text: "a", Speed: 175, Pitch: 50, Range: 50},
		{Voice: "es+m3", Text: strings.Repeat("9", wire.MaxText), Speed: 80, Pitch: 50, Range: 50},
		{Voice: "es+m3", Text: "\x1b\x01", Speed: 450, Pitch: 99, Range: 0},
		{Voice: "fr+f2", Text: "weekend", Speed: 175, Pitch: 50, Range: 50},
	} {
		b, err := q.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := frame.Write(&in, frame.Message{Kind: frame.Request, ID: uint32(i + 1), Body: b}); err != nil {
			t.Fatal(err)
		}
	}
	_, rest, _, err := talk(t, in.Bytes())
	if err != nil {
		t.Error(err)
	}
	var said []string
	for i := range 6 {
		m, err := frame.Read(rest, wire.MaxReply)
		if err != nil || m.ID != uint32(i+1) {
			t.Fatalf("answer %d of %d: %v", m.ID, i+1, err)
		}
		var p wire.Reply
		refusal := ""
		if m.Kind == frame.Refusal {
			refusal = string(m.Body)
		} else if p, err = wire.DecodeReply(m.Body); err != nil {
			t.Fatal(err)
		}
		var ipa []string
		for _, e := range p.Events {
			if e.Kind == wire.Phoneme && e.IPA != "" {
				ipa = append(ipa, e.IPA)
			}
		}
		said = append(said, strings.Join(ipa, " ")+"|"+refusal)
	}
	if said[0] != "p a p a|" || !strings.Contains(said[5], "(en) w i") {
		t.Errorf("said %q, %q", said[0], said[5])
	}
	if !strings.Contains(said[1], "no voice") || !strings.Contains(said[2], "no voice name") || said[4] != "|" {
		t.Errorf("said %q, %q, %q", said[1], said[2], said[4])
	}
	if _, err := frame.Read(rest, wire.MaxReply); !errors.Is(err, io.EOF) {
		t.Errorf("after the last reply: %v", err)
	}
}

func TestBrokenInputEndsIt(t *testing.T) {
	for _, in := range []string{"hello", "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x06\x00\x00\x00\x07\x02\x01\x00\x00\x00", "\x06\x00\x00\x00\x02\x05\x01\x00\x00\x00"} {
		_, _, complaint, err := talk(t, []byte(in))
		if err == nil || strings.Count(complaint, "\n") != 1 {
			t.Errorf("%q: ended with %v and said %q", in, err, complaint)
		}
	}
}
