package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/results"
)

// serveOn starts the API's own server on a port of this machine.
func (f *fixture) serveOn(t testing.TB) (server *http.Server, url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server = f.Server("")
	server.Handler = f.Handler()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return server, "http://" + l.Addr().String()
}

// A client that never reads is given up, and harms no other meanwhile.
func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tune.writeTimeout = 500 * time.Millisecond
	_, url := f.serveOn(t)
	big := record("waiting", results.Running)
	big.ProgressText = strings.Repeat("x", 8<<20) // more than the kernel buffers
	f.store.put(big)

	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /jobs/waiting/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream is open", func() bool { return f.openStreams() == 1 })

	resp, err := http.Get(url + "/jobs/waiting/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	began := time.Now()
	for lines.Scan() && lines.Text() != "event: state" {
	}
	f.store.put(record("waiting", results.Succeeded))
	for lines.Scan() && lines.Text() != "event: end" {
	}
	if lines.Err() != nil || time.Since(began) > 5*time.Second {
		t.Errorf("the other client: %v after %v", lines.Err(), time.Since(began))
	}
	eventually(t, "the streams have ended", func() bool { return f.openStreams() == 0 })
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("not within 10 s: " + what)
}

// A stream outlives the server's time limits for ordinary requests.
func TestStreamOutlivesTimeouts(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			server := httptest.NewUnstartedServer(f.Handler())
			server.Config.ReadTimeout = 200 * time.Millisecond
			server.Config.WriteTimeout = 200 * time.Millisecond
			server.EnableHTTP2 = protocol == "HTTP/2.0"
			server.StartTLS()
			defer server.Close()
			for path, want := range map[string]string{"/jobs/waiting/events": "event: end", "/jobs/running?wait=20s": `"state":"succeeded"`} {
				id := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '?' })[1]
				time.AfterFunc(time.Second, func() { f.store.put(record(id, results.Succeeded)) })
				r := request("GET", path, "").Clone(t.Context())
				r.URL.Scheme, r.URL.Host, r.RequestURI = "https", server.Listener.Addr().String(), ""
				resp, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(path, err)
				}
				text, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.Proto != protocol || !strings.Contains(string(text), want) {
					t.Errorf("%s by %s: %v: %s", path, resp.Proto, err, text)
				}
			}
		})
	}
}

func TestServerShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	server, url := f.serveOn(t)
	resp, err := http.Get(url + "/jobs/waiting/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("the stream broke: %v", err)
	}
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tune.bodyTimeout = 200 * time.Millisecond
	_, url := f.serveOn(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /tasks/sessions.cleanup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 408 ") || !strings.Contains(string(text), typePrefix+slugTimeout) {
		t.Errorf("%v: %s", err, text)
	}
	if len(f.sender.sent) > 0 {
		t.Error("half a body was sent")
	}
}
