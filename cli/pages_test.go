package cli_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/tasks"
)

// watched is what a command says, and a channel that is closed when it says that it runs.
type watched struct {
	mu    sync.Mutex
	text  strings.Builder
	ready chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if strings.Contains(w.text.String(), "Stop with Ctrl-C") {
		select {
		case <-w.ready:
		default:
			close(w.ready)
		}
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

var addresses = regexp.MustCompile(`http://[^\s()]+`)

// Every address that dev prints answers.
func TestDevPrintsNoAddressInVain(t *testing.T) {
	t.Setenv("CORE_STATE_DIR", t.TempDir())
	for _, results := range []string{"none", "", "sqlite://" + t.TempDir() + "/jobs.db"} {
		args := []string{"dev", "--local-addr", mainjob.FreeAddr(t), "--addr", mainjob.FreeAddr(t)}
		if results != "" {
			args = append(args, "--results", results)
		}
		nothing := tasks.NoResult(func(context.Context, struct{}) error { return nil })
		r := tasks.NewRegistry(tasks.Define("task", nothing))
		pages := cli.WithWeb(func(cli.Web) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
		})
		ctx, stop := context.WithCancel(t.Context())
		said := &watched{ready: make(chan struct{})}
		ended := make(chan int, 1)
		go func() { ended <- cli.Run(ctx, r, args, strings.NewReader(""), io.Discard, said, pages) }()
		select {
		case <-said.ready:
		case code := <-ended:
			t.Fatalf("it ended with %d: %s", code, said)
		}
		if has := strings.Contains(said.String(), "pages     http://"); has == (results == "none") {
			t.Errorf("with --results %q it says\n%s", results, said)
		}
		for _, url := range addresses.FindAllString(said.String(), -1) {
			if !strings.HasSuffix(url, "/") { // the API's and the queue's, which have nothing at their root
				continue
			}
			response, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("with --results %q it prints %s, which answers %s", results, url, response.Status)
			}
		}
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("it ended with %d: %s", code, said)
		}
	}
}
