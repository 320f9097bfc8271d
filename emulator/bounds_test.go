package emulator_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/emulator"
)

// A request whose body never comes is ended, and a receive may wait longer than that.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		em := open(t, emulator.Config{})
		client, server := net.Pipe()
		served := &http.Server{Handler: em.Handler()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = served.Serve(&single{conn: server, done: make(chan struct{})})
		}()
		begin := time.Now()
		go func() {
			_, _ = fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n"+
				"Content-Type: application/x-amz-json-1.0\r\nContent-Length: 100\r\n\r\n{")
		}()
		answer, _ := bufio.NewReader(client).ReadString('\n')
		if took := time.Since(begin); took < 10*time.Second || took > 30*time.Second || strings.Contains(answer, " 200 ") {
			t.Errorf("after %v it answered %q", took, answer)
		}
		_ = client.Close()
		_ = served.Close()
		<-done
	})
}

// single is a listener of one connection.
type single struct {
	conn net.Conn
	done chan struct{}
}

func (s *single) Accept() (net.Conn, error) {
	if s.conn == nil {
		<-s.done
		return nil, net.ErrClosed
	}
	conn := s.conn
	s.conn = nil
	return conn, nil
}

func (s *single) Close() error {
	close(s.done)
	return nil
}

func (s *single) Addr() net.Addr { return &net.TCPAddr{} }
