package cli_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func TestMain(m *testing.M) {
	mainjob.Main()
	os.Exit(m.Run())
}

// TestMainJobOnTheEmbeddedQueue has 'core local' as a process and the others as its clients.
func TestMainJobOnTheEmbeddedQueue(t *testing.T) {
	t.Parallel()
	mainjob.Run(t, func(t *testing.T) *mainjob.World {
		t.Helper()
		w := mainjob.New(t)
		w.Start(t, "serving SQS", "local")
		return w
	})
}

// TestAClientOfAnotherProcess enqueues with the Go API, singly and in bulk, into a running worker.
func TestAClientOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Start(t, "Stop with Ctrl-C", "dev", "--concurrency", "8")
	api, _ := w.API()
	client, err := sqsqueue.New(api, sqsqueue.Config{})
	if err != nil {
		t.Fatal(err)
	}
	note := tasks.Define("note", func(context.Context, mainjob.NoteParams) (string, error) { return "", errors.New("runs elsewhere") })
	if _, err := note.Delay(t.Context(), client, mainjob.NoteParams{Text: "one"}); err != nil {
		t.Fatal(err)
	}
	jobs, err := note.DelayMany(t.Context(), client, make([]mainjob.NoteParams, 250))
	if err != nil || len(jobs) != 250 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mainjob.Await(t, "all have ended", func() bool { return w.Count(t, "end") == 251 })
}

// TestDevKeepsItsState kills everything at once and starts it again.
func TestDevKeepsItsState(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	dev := w.Start(t, "Stop with Ctrl-C", "dev")
	if !strings.Contains(dev.Text(), `enqueue --local note '{"text":"hi"}'`) {
		t.Errorf("dev does not say what to try:\n%s", dev.Text())
	}
	w.Must(t, "enqueue", "note", `{"text":"after the crash"}`, "--countdown", "4s")
	w.Must(t, "enqueue", "note", `{"text":"in the middle","millis":2000}`)
	mainjob.Await(t, "a job runs", func() bool { return w.Count(t, "start") == 1 })
	dev.Kill()
	again := w.Start(t, "Stop with Ctrl-C", "dev")
	mainjob.Await(t, "both have ended", func() bool { return w.Count(t, "end") == 2 })
	if code, took := again.Terminate(t); code != 0 || took > 5*time.Second {
		t.Errorf("dev ended with %d after %v", code, took)
	}
}

// TestDevLambda works the queues by this very program as a Lambda function, and by one that does not start.
func TestDevLambda(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	dev := w.Start(t, "Stop with Ctrl-C", "dev", "--lambda", "--lambda-batch-size", "5")
	if !strings.Contains(dev.Text(), "function  this program as a Lambda function") {
		t.Errorf("dev does not say what works the queues:\n%s", dev.Text())
	}
	result := w.Must(t, "enqueue", "note", `{"text":"on Lambda","fail":1}`, "--wait")
	if !strings.Contains(result, "on Lambda") {
		t.Errorf("the result is %s", result)
	}
	for range 12 {
		w.Must(t, "enqueue", "note.urgent", `{"text":"urgent"}`)
	}
	mainjob.Await(t, "all have ended", func() bool { return w.Count(t, "end") == 13 })
	if !strings.Contains(dev.Text(), "requestId") {
		t.Errorf("the function's lines have no request id:\n%s", dev.Text())
	}
	if code, took := dev.Terminate(t); code != 0 || took > 10*time.Second {
		t.Errorf("dev ended with %d after %v", code, took)
	}
	for want, args := range map[string][]string{
		"no such file or directory":                {"dev", "--lambda", "missing"},
		"a function's binary needs --lambda":       {"dev", "bootstrap"},
		"needs a batching window of 1s or more":    {"dev", "--lambda", "--lambda-batch-size", "11"},
		"batch size -1 is invalid: it must be 1":   {"dev", "--lambda", "--lambda-batch-size", "-1"},
		"batching window 6m0s is invalid: it must": {"dev", "--lambda", "--lambda-batch-window", "6m"},
	} {
		if code, _, stderr := w.Run(t, "", args...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s; want %q", args, code, stderr, want)
		}
	}
}
