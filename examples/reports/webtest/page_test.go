// Package webtest tests the page of the example's web application in a real Chromium, with the real program behind it.
package webtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.Main(m, fmt.Sprintf("the page in Chromium; run make test, or %s=\"$(scripts/chromium)\" go test ./examples/...", chromiumVar), chromiumVar)
}

// A program is 'core dev' with a state directory and ports of its own.
type program struct {
	t       *testing.T
	binary  string
	env     []string
	url     string
	running *exec.Cmd
}

// startProgram builds the program and starts it, with variables of the environment.
func startProgram(t *testing.T, env ...string) *program {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "core")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/coretasks/core/cmd/core").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	addrs := freeAddrs(t, 2)
	p := &program{t: t, binary: binary, url: "http://" + addrs[1], env: []string{
		"CORE_STATE_DIR=" + t.TempDir(), "CORE_LOCAL_ADDR=" + addrs[0], "CORE_ADDR=" + addrs[1],
	}}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CORE_") {
			p.env = append(p.env, v)
		}
	}
	p.env = append(p.env, env...)
	t.Cleanup(p.kill)
	p.start()
	return p
}

// freeAddrs returns addresses that nothing listens on. They are held together, so that they differ.
func freeAddrs(t *testing.T, n int) []string {
	t.Helper()
	var addrs []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		addrs = append(addrs, listener.Addr().String())
	}
	return addrs
}

// start returns when the page is served.
func (p *program) start() {
	p.t.Helper()
	running := exec.Command(p.binary, "dev")
	running.Env = p.env
	running.Stderr = p.t.Output()
	if err := running.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.running = running
	err := eventually(p.t.Context(), func() error {
		response, err := http.Get(p.url + "/")
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("GET / answered %s", response.Status)
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the program as a power failure would.
func (p *program) kill() {
	if p.running == nil {
		return
	}
	_ = p.running.Process.Kill()
	_ = p.running.Wait() // killed, or its error stands in the log
	p.running = nil
}

// fetch returns the body of an address.
func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s: %s", url, response.Status, body)
	}
	return string(body)
}

func inTheMiddle(c card) bool { return c.State == "running" && c.Value > 0 && c.Value < 1 }

func succeeded(c card) bool { return c.State == "succeeded" }

func wantReport(t *testing.T, c card) {
	t.Helper()
	if c.Open == "" {
		t.Fatalf("the page shows %+v, want a link to the report", c)
	}
	if html := fetch(t, c.Open); !strings.Contains(html, "<svg ") || !strings.Contains(html, "Ana Souza") {
		t.Errorf("%s is not the report of the first user: %.300s", c.Open, html)
	}
}

// TestPage presses the button, sees progress move and downloads the report. The API has a token, which the browser does not
// know.
func TestPage(t *testing.T) {
	t.Parallel()
	b, p := openBrowser(t), startProgram(t, "CORE_API_TOKEN=s3cret")
	b.open(p.url)
	b.click("#generate")
	values := map[float64]bool{}
	done := b.until("a finished report", func(c card) bool {
		if c.Open != "" && !succeeded(c) {
			t.Fatalf("the page has a link to a report that is not finished: %+v", c)
		}
		if inTheMiddle(c) {
			values[c.Value] = true
		}
		return succeeded(c)
	})
	if response, err := http.Get(p.url + "/jobs"); err != nil || response.Body.Close() != nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("GET /jobs without the token: %v, %v", response, err)
	}
	if len(values) < 2 {
		t.Errorf("progress had the values %v between 0 and 1, want it to move", values)
	}
	if done.Value != 1 || done.Trouble != "" || done.Connection != "" {
		t.Errorf("at the end the page shows %+v", done)
	}
	wantReport(t, done)

	// The list survives a reload, and a cancelled job says so.
	b.open(p.url)
	wantReport(t, b.until("the report again", succeeded))
	ended := card{State: "succeeded"}
	for tries := 0; ended.State == "succeeded" && tries < 5; tries++ { // a worker learns of it when it asks next, which may be too late
		b.click("#generate")
		b.until("the next report under way", inTheMiddle)
		b.read(`document.querySelector(".job .cancel").click()`, nil)
		ended = b.until("the end of it", func(c card) bool { return c.State == "cancelled" || succeeded(c) })
	}
	if ended.State != "cancelled" || ended.Open != "" {
		t.Errorf("a report was cancelled, and the page shows %+v", ended)
	}
	var foreign []string
	b.read(`return performance.getEntriesByType("resource").map(e => e.name).filter(name => !name.startsWith(location.origin))`, &foreign)
	if len(foreign) > 0 {
		t.Errorf("the page loaded from elsewhere: %v", foreign)
	}
}

// TestServerRestart kills the server in the middle of a report, which the page has to outlive.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	b, p := openBrowser(t), startProgram(t)
	b.open(p.url)
	b.click("#generate")
	b.until("a report under way", inTheMiddle)
	p.kill()
	killed := time.Now()
	b.until("a lost connection", func(c card) bool { return strings.HasPrefix(c.Connection, "Connection lost") })
	p.start()
	b.until("a connection", func(c card) bool { return c.Connection == "" })
	wantReport(t, b.until("a finished report", succeeded))
	if took := time.Since(killed); took > 25*time.Second {
		t.Errorf("the report was finished %v after the server was killed", took)
	}
}
