package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/coretasks/core/emulator/lambda"
)

// workDir lives as long as the tests.
var workDir string

func TestMain(m *testing.M) {
	var err error
	if workDir, err = os.MkdirTemp("", "lambda-*"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(workDir)
	os.Exit(code)
}

// built is the function as 'make lambda' builds it, once for all tests.
var built = sync.OnceValues(func() (string, error) {
	out, err := exec.CommandContext(context.Background(), "../../../../scripts/lambda", workDir).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return workDir, err
})

func dist(t testing.TB) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLinksNoMoreThanItNeeds: SQLite, cobra, the emulator and what makes the linker keep every method stay out.
func TestLinksNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags=lambda.norpc", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		for _, unwanted := range []string{"sqlite", "cobra", "/core/emulator", "/core/cli", "text/template", "net/rpc", "aws-sdk-go-v2/config"} {
			if strings.Contains(dep, unwanted) {
				t.Errorf("links %s", strings.TrimSpace(dep))
			}
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	dir := dist(t)
	for _, arch := range []string{"arm64", "amd64"} {
		for file, limit := range map[string]int64{arch + "/bootstrap": 12_000_000, "reports-" + arch + ".zip": 5_000_000} {
			info, err := os.Stat(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() > limit {
				t.Errorf("%s has %d bytes, want at most %d", file, info.Size(), limit)
			}
		}
	}
}

// start starts the function for this machine.
func start(t testing.TB, env ...string) *lambda.Process {
	t.Helper()
	env = append(env, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
	p, err := lambda.NewProcess(filepath.Join(dist(t), runtime.GOARCH, "bootstrap"), lambda.ProcessConfig{Env: env, Output: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFunction(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "CORE_STATE_DIR="+dir)
	defer func() { _ = p.Close() }()
	event, err := json.Marshal(map[string]any{"Records": []map[string]any{{
		"messageId": "1", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:default",
		"body": `{"v":1,"id":"job-1","task":"reports.generate","params":{"user_id":1,"report_type":"monthly"}}`,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.Invoke(t.Context(), lambda.Request{ID: "1", Payload: event})
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Fatalf("%s, %v", answer, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "reports", "monthly-1-job-1.html")); err != nil {
		t.Error(err)
	}
}

func TestWrongResults(t *testing.T) {
	t.Parallel()
	p := start(t, "CORE_RESULTS=sqlite://jobs.db")
	defer func() { _ = p.Close() }()
	if _, err := p.Invoke(t.Context(), lambda.Request{ID: "1", Payload: []byte(`{"warmup":true}`)}); err == nil {
		t.Error("started with results that it can't keep")
	}
}

// BenchmarkInit is the time from the start of the process until it has answered its first event, a warm-up: the
// initialization, and one round trip of the Runtime API.
func BenchmarkInit(b *testing.B) {
	dist(b)
	for b.Loop() {
		p := start(b)
		if _, err := p.Invoke(b.Context(), lambda.Request{ID: "1", Payload: []byte(`{"warmup":true}`)}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = p.Close()
		b.StartTimer()
	}
}
