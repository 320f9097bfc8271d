package webtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/coretasks/core/internal/testenv"
)

// chromiumVar holds the path of a chromedriver.
const chromiumVar = "CORE_TEST_CHROMIUM"

// patience bounds every wait. A job whose worker was killed comes again after a minute, when its message is
// visible again.
const patience = 3 * time.Minute

// A browser is a headless Chromium with one window, driven by the WebDriver protocol (https://www.w3.org/TR/webdriver2/).
type browser struct {
	t       *testing.T
	session string // the URL of the session
}

var driverPort = regexp.MustCompile(`started successfully on port (\d+)`)

// openBrowser starts a browser, which ends with the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := os.Getenv(chromiumVar)
	if path == "" {
		testenv.Unavailable(t, `needs Chromium: run make test, or %s="$(scripts/chromium)" go test ./examples/...`, chromiumVar)
	}
	driver := exec.Command(path, "--port=0")
	driver.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that the browser ends with it
	out, err := driver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Start(); err != nil {
		t.Fatalf("%s=%s: %v", chromiumVar, path, err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-driver.Process.Pid, syscall.SIGKILL)
		_ = driver.Wait() // killed
	})
	port := ""
	for lines := bufio.NewScanner(out); port == "" && lines.Scan(); {
		if found := driverPort.FindStringSubmatch(lines.Text()); found != nil {
			port = found[1]
		}
	}
	if port == "" {
		t.Fatalf("%s says no port", path)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // until the driver ends
	b := &browser{t: t, session: "http://127.0.0.1:" + port + "/session"}
	args := []string{"--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=900,1000", "--user-data-dir=" + t.TempDir()}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium's sandbox does not work for root
	}
	var created struct {
		SessionID string `json:"sessionId"`
	}
	b.call("", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"args": args},
	}}}, &created)
	b.session += "/" + created.SessionID
	t.Cleanup(func() { // before the driver is killed: the last cleanup is the first to run
		request, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, b.session, http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
		}
	})
	return b
}

// call sends one command and decodes its value.
func (b *browser) call(path string, body, value any) {
	b.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.session+path, bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("the browser answered %s to %s: %s", response.Status, path, answer)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal(answer, &struct{ Value any }{value}); err != nil {
		b.t.Fatalf("%v in %s", err, answer)
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.call("/url", map[string]string{"url": url}, nil)
}

// read runs a script that returns a value.
func (b *browser) read(script string, value any) {
	b.t.Helper()
	b.call("/execute/sync", map[string]any{"script": script, "args": []any{}}, value)
}

// click presses what a CSS selector finds, as a user does: it must be there to be seen.
func (b *browser) click(selector string) {
	b.t.Helper()
	var element map[string]string
	b.call("/element", map[string]string{"using": "css selector", "value": selector}, &element)
	for _, id := range element {
		b.call("/element/"+id+"/click", map[string]string{}, nil)
	}
}

// A card is a report as the page shows it.
type card struct {
	State      string  `json:"state"`
	Text       string  `json:"text"`
	Value      float64 `json:"value"`
	Open       string  `json:"open"` // where the link leads to, if it can be seen
	Connection string  `json:"connection"`
	Trouble    string  `json:"trouble"`
}

// card reads the newest report of the page.
func (b *browser) card() card {
	b.t.Helper()
	var c card
	b.read(`
		const job = document.querySelector(".job");
		const open = job?.querySelector(".open");
		return {
			state: job?.dataset.state ?? "", text: job?.querySelector(".text").textContent ?? "",
			value: job?.querySelector("progress").value ?? 0, open: open?.checkVisibility() ? open.href : "",
			connection: document.getElementById("connection").textContent,
			trouble: document.getElementById("trouble").textContent,
		}`, &c)
	return c
}

// until reads the newest report again and again until it is as wanted.
func (b *browser) until(what string, wanted func(card) bool) card {
	b.t.Helper()
	var c card
	err := eventually(b.t.Context(), func() error {
		if c = b.card(); !wanted(c) {
			return fmt.Errorf("the page shows %+v, want %s", c, what)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// eventually calls try until it succeeds, and returns its last error where it does not.
func eventually(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(40 * time.Millisecond)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// get reads something of the session.
func (b *browser) get(path string, value any) {
	b.t.Helper()
	response, err := http.Get(b.session + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&struct{ Value any }{value}); err != nil || response.StatusCode != http.StatusOK {
		b.t.Fatalf("the browser answered %s to %s: %v", response.Status, path, err)
	}
}

// delete ends something of the session.
func (b *browser) delete(path string) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodDelete, b.session+path, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("the browser answered %s to %s", response.Status, path)
	}
}
