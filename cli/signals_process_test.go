//go:build unix

package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/tasks"
)

// busyWorker is an endpoint, and a worker on it that runs a job for so long.
func busyWorker(t *testing.T, length, shutdown time.Duration) (w *mainjob.World, worker *mainjob.Process) {
	t.Helper()
	w = mainjob.New(t)
	w.Start(t, "serving SQS", "local")
	w.Must(t, "queues", "apply")
	worker = w.Start(t, "worker started", "worker", "--concurrency", "1", "--shutdown-timeout", shutdown.String())
	w.Must(t, "enqueue", "note", fmt.Sprintf(`{"text":"long","millis":%d}`, length.Milliseconds()))
	mainjob.Await(t, "the job runs", func() bool { return w.Count(t, "start") == 1 })
	return w, worker
}

// depth is how many messages of the queue "default" wait and are hidden.
func depth(t *testing.T, w *mainjob.World) (waiting, hidden int) {
	t.Helper()
	var list []struct {
		Queue    string `json:"queue"`
		Waiting  int    `json:"waiting"`
		InFlight int    `json:"in_flight"`
	}
	if err := json.Unmarshal([]byte(w.Must(t, "queues", "list", "--output", "json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		if q.Queue == "default" {
			return q.Waiting, q.InFlight
		}
	}
	t.Fatal("there is no queue default")
	return 0, 0
}

// Supervisors send SIGTERM twice, and SIGHUP behind it. A closed terminal sends SIGHUP alone.
func TestSignalsToStopLetJobsFinish(t *testing.T) {
	t.Parallel()
	for name, signals := range map[string][]syscall.Signal{
		"SIGTERM twice within 50 ms": {syscall.SIGTERM, syscall.SIGTERM},
		"SIGTERM and SIGHUP":         {syscall.SIGTERM, syscall.SIGHUP},
		"SIGHUP":                     {syscall.SIGHUP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, worker := busyWorker(t, 2*time.Second, 6*time.Second)
			for _, s := range signals {
				worker.Signal(t, s)
				time.Sleep(20 * time.Millisecond)
			}
			if code := worker.Wait(t); code != 0 {
				t.Errorf("it ended with %d", code)
			}
			if n := w.Count(t, "end"); n != 1 {
				t.Errorf("%d jobs have ended", n)
			}
			if waiting, hidden := depth(t, w); waiting+hidden != 0 {
				t.Errorf("%d messages wait, %d are hidden", waiting, hidden)
			}
		})
	}
}

// The second signal, when it is no repetition, gives the job back: it is not left hidden.
func TestASecondSignalGivesEverythingBack(t *testing.T) {
	t.Parallel()
	w, worker := busyWorker(t, time.Minute, time.Minute)
	worker.Signal(t, syscall.SIGTERM)
	time.Sleep(2200 * time.Millisecond)
	start := time.Now()
	worker.Signal(t, syscall.SIGTERM)
	worker.Signal(t, syscall.SIGTERM)
	if code, took := worker.Wait(t), time.Since(start); code != 0 || took > 5*time.Second {
		t.Errorf("it ended with %d after %v", code, took)
	}
	if waiting, hidden := depth(t, w); waiting != 1 || hidden != 0 {
		t.Errorf("%d messages wait, %d are hidden", waiting, hidden)
	}
	if !strings.Contains(worker.Text(), "worker stops now") {
		t.Error("the log does not say why")
	}
}

func TestSIGUSR1StopsFetching(t *testing.T) {
	t.Parallel()
	w, worker := busyWorker(t, 3*time.Second, 6*time.Second)
	worker.Signal(t, syscall.SIGUSR1)
	says := func(text string) {
		mainjob.Await(t, text, func() bool { return strings.Contains(worker.Text(), text) })
	}
	says("worker fetches no more messages")
	w.Must(t, "enqueue", "note", `{"text":"later"}`)
	mainjob.Await(t, "the job has ended", func() bool { return w.Count(t, "end") == 1 })
	says("nothing runs any more")
	if waiting, hidden := depth(t, w); waiting != 1 || hidden != 0 {
		t.Errorf("%d messages wait, %d are hidden", waiting, hidden)
	}
	if n := w.Count(t, "start"); n != 1 {
		t.Errorf("%d jobs have begun", n)
	}
	if code, took := worker.Terminate(t); code != 0 || took > 6*time.Second {
		t.Errorf("it ended with %d after %v", code, took)
	}
}

// Under nohup a closed terminal is no reason to stop.
func TestAnIgnoredSIGHUPStaysIgnored(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	cmd := w.Command(context.WithoutCancel(t.Context()), "local")
	args := append([]string{"-c", `trap "" HUP; exec "$@"`, "sh"}, cmd.Args...)
	wrapped := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", args...)
	wrapped.Env = cmd.Env
	stderr, err := wrapped.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := wrapped.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wrapped.Process.Kill() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "serving SQS") {
	}
	if err := wrapped.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	w.Must(t, "queues", "apply") // it still serves
	if err := wrapped.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // to the end
	}
	if err := wrapped.Wait(); err != nil {
		t.Error(err)
	}
}

// The worker's log goes to a program that is gone, as when "core worker 2>&1 | tee" loses its terminal: jobs are given
// back all the same.
func TestAWorkerOutlivesTheReaderOfItsLog(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Start(t, "serving SQS", "local")
	w.Must(t, "queues", "apply")
	worker := w.Command(context.WithoutCancel(t.Context()), "worker", "--shutdown-timeout", "4s")
	stderr, err := worker.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Process.Kill() })
	w.Must(t, "enqueue", "note", `{"text":"long","millis":60000}`)
	mainjob.Await(t, "the job runs", func() bool { return w.Count(t, "start") == 1 })
	if err := stderr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := worker.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := worker.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if waiting, hidden := depth(t, w); waiting != 1 || hidden != 0 {
		t.Errorf("%d messages wait, %d are hidden", waiting, hidden)
	}
}

// A command that waits for somebody's input ends at the first signal.
func TestAStopEndsTheWaitForInput(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stdin, typed := io.Pipe()
	defer func() { _ = typed.Close() }()
	var stderr strings.Builder
	ended := make(chan int, 1)
	go func() {
		task := tasks.Define("task", func(context.Context, int) (int, error) { return 0, nil })
		ended <- cli.Run(ctx, tasks.NewRegistry(task), []string{"enqueue", "task", "-"}, stdin, io.Discard, &stderr)
	}()
	if _, err := typed.Write([]byte("1")); err != nil { // it reads now
		t.Fatal(err)
	}
	stop()
	if code := <-ended; code != 1 || !strings.Contains(stderr.String(), "read the parameters from standard input") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}

// The same in 'core dev', by the worker and by a function.
func TestSignalsInDev(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"worker": {"dev"}, "function": {"dev", "--lambda"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := mainjob.New(t)
			dev := w.Start(t, "Stop with Ctrl-C", args...)
			w.Must(t, "enqueue", "note", `{"text":"short"}`, "--wait")
			dev.Signal(t, syscall.SIGUSR1)
			mainjob.Await(t, "the log says so", func() bool { return strings.Contains(dev.Text(), "no more messages") })
			w.Must(t, "enqueue", "note", `{"text":"later"}`)
			time.Sleep(time.Second)
			if n := w.Count(t, "start"); n != 1 {
				t.Errorf("%d jobs have begun", n)
			}
			dev.Signal(t, syscall.SIGTERM)
			dev.Signal(t, syscall.SIGTERM)
			if code := dev.Wait(t); code != 0 {
				t.Errorf("it ended with %d", code)
			}
		})
	}
}
