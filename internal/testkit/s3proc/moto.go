package s3proc

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ErrMissing says that this machine has no moto.
var ErrMissing = errors.New("no moto_server: pip install 'moto[server,s3]'")

// Moto is a server of moto's, which keeps all in memory.
type Moto struct {
	URL string

	cmd *exec.Cmd
	log bytes.Buffer
}

// NewMoto starts moto_server and waits until it answers.
func NewMoto() (*Moto, error) {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, ErrMissing
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	m := &Moto{URL: "http://127.0.0.1:" + port}
	m.cmd = exec.Command(path, "-H", "127.0.0.1", "-p", port)
	m.cmd.Stdout, m.cmd.Stderr = &m.log, &m.log
	m.cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	// It goes when its starter does, however that ends.
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	for range 600 { // Python reads much before it listens
		if c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second); err == nil {
			c.Close()
			return m, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	m.Close()
	return nil, fmt.Errorf("moto_server does not listen on %s: %s", m.URL, m.log.Bytes())
}

// Close ends it.
func (m *Moto) Close() {
	_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL) // it may be gone already
	_ = m.cmd.Wait()                                      // says that it was killed
}

// Make makes a bucket, which keeps versions.
func (m *Moto) Make(bucket string) error {
	for _, ask := range []struct{ query, body string }{
		{"", ""},
		{"?versioning", `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`},
	} {
		r, err := http.NewRequest(http.MethodPut, m.URL+"/"+bucket+ask.query, bytes.NewBufferString(ask.body))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+Key+"/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("moto_server: make bucket %s%s: %s", bucket, ask.query, answer.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	return nil
}
