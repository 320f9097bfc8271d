package emulator_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/emulator"
)

// A request whose body never comes is ended, whatever else is wrong with it.
func TestBodiesMustArrive(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"a good one":   "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Type: application/x-amz-json-1.0\r\n",
		"a schedule":   "POST /schedules/s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
		"refused host": "POST / HTTP/1.1\r\nHost: evil.example\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n",
		"no target":    "POST / HTTP/1.1\r\nHost: localhost\r\n",
		"health":       "GET /_core/health HTTP/1.1\r\nHost: localhost\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, stop := serve(t)
				defer stop()
				begin := time.Now()
				go func() { _, _ = fmt.Fprintf(client, "%sContent-Length: 100\r\n\r\n{", head) }()
				_ = client.SetReadDeadline(begin.Add(time.Hour))
				_, _ = io.Copy(io.Discard, client)
				if took := time.Since(begin); took < 10*time.Second || took > 30*time.Second {
					t.Errorf("the connection was open for %v", took)
				}
			})
		})
	}
}

// A receive that waits as long as it may, with a pause before it, is answered: the limit is for bodies only.
func TestReceivesMayWaitLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(t)
		defer stop()
		reader := bufio.NewReader(client)
		call := func(operation, body string) (status int) {
			go func() {
				_, _ = fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.%s\r\n"+
					"Content-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n", operation, len(body))
				time.Sleep(5 * time.Second) // so that waiting for it begins well before the receive does
				_, _ = io.WriteString(client, body)
			}()
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(operation, err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			return response.StatusCode
		}
		call("CreateQueue", `{"QueueName":"q"}`)
		begin := time.Now()
		status := call("ReceiveMessage", `{"QueueUrl":"http://localhost/000000000000/q","WaitTimeSeconds":20}`)
		if took := time.Since(begin); status != http.StatusOK || took != 25*time.Second {
			t.Errorf("status %d after %v", status, took)
		}
	})
}

// serve serves an emulator on one connection, in memory.
func serve(t *testing.T) (client net.Conn, stop func()) {
	t.Helper()
	em := open(t, emulator.Config{})
	client, server := net.Pipe()
	served := &http.Server{Handler: em.Handler(), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = served.Serve(&single{conn: server, done: make(chan struct{})})
	}()
	return client, func() {
		_ = client.Close()
		_ = served.Close()
		<-done
	}
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
