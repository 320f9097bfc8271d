package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/emulator/lambda"
)

// TestMain is also the function, when it is started as one: TEST_MODE says how it behaves.
func TestMain(m *testing.M) {
	if mode := os.Getenv("TEST_MODE"); mode != "" {
		function(mode)
		return
	}
	os.Exit(m.Run())
}

// function speaks the Runtime API by hand.
func function(mode string) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	post := func(path, body string) {
		response, err := http.Post(base+path, "application/json", strings.NewReader(body))
		if err != nil {
			os.Exit(9)
		}
		_ = response.Body.Close()
	}
	switch mode {
	case "init-exit":
		os.Exit(4)
	case "init-error":
		post("init/error", `{"errorType":"Config","errorMessage":"no table"}`)
		os.Exit(1)
	case "init-hangs":
		time.Sleep(time.Hour)
	}
	if mode == "page" { // what a web page would send, and then as ever
		request, err := http.NewRequest(http.MethodGet, base+"invocation/next", nil)
		if err != nil {
			os.Exit(9)
		}
		request.Header.Set("Origin", "http://evil.example")
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode != http.StatusForbidden {
			os.Exit(5)
		}
		_ = response.Body.Close()
		mode = "echo"
	}
	for n := 1; ; n++ {
		response, err := http.Get(base + "invocation/next")
		if err != nil {
			return
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			return
		}
		_ = response.Body.Close()
		id := response.Header.Get("Lambda-Runtime-Aws-Request-Id")
		switch mode {
		case "echo":
			post("invocation/"+id+"/response", fmt.Sprintf(`{"n":%d,"got":%s,"deadline":%q,"trace":%q}`, n, body,
				response.Header.Get("Lambda-Runtime-Deadline-Ms"), response.Header.Get("Lambda-Runtime-Trace-Id")))
		case "error":
			post("invocation/"+id+"/error", `{"errorType":"TableMissing","errorMessage":"no table"}`)
		case "exit":
			os.Exit(3)
		case "hangs":
			time.Sleep(time.Hour)
		case "answers-then-exits":
			post("invocation/"+id+"/response", `"done"`)
			os.Exit(0)
		}
	}
}

func newProcess(t *testing.T, mode string) *lambda.Process {
	t.Helper()
	p, err := lambda.NewProcess(os.Args[0], lambda.ProcessConfig{Env: []string{"TEST_MODE=" + mode}, Output: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestRuntimeAPI(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "page")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := 1; n <= 3; n++ {
		answer, err := p.Invoke(ctx, lambda.Request{ID: fmt.Sprint(n), Payload: []byte(`{"a":1}`), Trace: "Root=1"})
		deadline, _ := ctx.Deadline()
		// The same environment every time, since it was idle.
		want := fmt.Sprintf(`{"n":%d,"got":{"a":1},"deadline":"%d","trace":"Root=1"}`, n, deadline.UnixMilli())
		if err != nil || string(answer) != want {
			t.Errorf("%s, %v; want %s", answer, err, want)
		}
	}
	if n := len(p.PIDs()); n != 1 {
		t.Errorf("%d processes, want 1", n)
	}
}

func TestInvocationsFail(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"init-exit":  "Runtime.ExitError: Error: Runtime exited with error: exit status 4",
		"init-error": "Config: no table",
		"init-hangs": "Sandbox.Timedout",
		"error":      "TableMissing: no table",
		"exit":       "Runtime.ExitError: Error: Runtime exited with error: exit status 3",
		"hangs":      "Sandbox.Timedout",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, mode)
			for range 2 { // the next invocation begins anew
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				_, err := p.Invoke(ctx, lambda.Request{ID: "1"})
				cancel()
				if problem := (*lambda.InvocationError)(nil); !errors.As(err, &problem) || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
			if n := len(p.PIDs()); mode != "error" && n != 0 {
				t.Errorf("%d processes are left", n)
			}
		})
	}
}

func TestAnswerBeforeTheEnd(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "answers-then-exits")
	for range 3 {
		if answer, err := p.Invoke(t.Context(), lambda.Request{ID: "1"}); err != nil || string(answer) != `"done"` {
			t.Errorf("%s, %v", answer, err)
		}
	}
}

func TestBinariesThatAreNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := dir + "/plain"
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir + "/missing": "no such file", plain: "is not executable", dir: "is not executable"} {
		if _, err := lambda.NewProcess(path, lambda.ProcessConfig{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
