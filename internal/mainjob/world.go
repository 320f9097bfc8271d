// Package mainjob runs the command line as its users do, as processes of their own that are stopped and killed: a suite of
// the main job, on any endpoint, and the World that such tests need.
package mainjob

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/tasks"
)

// programVar makes a test binary be the program under test.
const programVar = "CORE_TEST_PROGRAM"

// tickVar adds a periodic task to the program, "tick", each second.
const tickVar = "CORE_TEST_TICK"

// Main is what TestMain calls first: in the processes that a World starts, the test binary is the program, with the tasks
// below, and Main does not return.
func Main() {
	if os.Getenv(programVar) == "1" {
		cli.Main(registry(cli.StateDir()), cli.Example("note", `{"text":"hi"}`))
	}
}

// NoteParams are the parameters of the tasks "note" and "note.urgent".
type NoteParams struct {
	Text string `json:"text"`
	// Millis is how long the task takes.
	Millis int `json:"millis"`
	// Fail is how many attempts fail.
	Fail int `json:"fail"`
	// Permanent makes every failure permanent.
	Permanent bool `json:"permanent"`
	// Die is how the task ends its process: exit or kill.
	Die string `json:"die"`
}

// steps is how many parts a task has, of which it tells the progress.
const steps = 10

// registry has one task on each of two queues that writes its life into dir/diary.
func registry(dir string) *tasks.Registry {
	write := func(line string) error {
		f, err := os.OpenFile(filepath.Join(dir, "diary"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, line)
		return errors.Join(err, f.Close())
	}
	note := func(ctx context.Context, p NoteParams) (string, error) {
		a, _ := tasks.Current(ctx)
		if err := write(fmt.Sprintf("start %s %d %d", a.ID, a.Number, time.Now().UnixMilli())); err != nil {
			return "", err
		}
		if p.Die != "" {
			die(p.Die)
		}
		for step := range steps { // with progress on the way
			tasks.Progress(ctx, float64(step)/steps, fmt.Sprintf("step %d of %d", step, steps))
			select {
			case <-time.After(time.Duration(p.Millis) * time.Millisecond / steps):
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}
		if a.Number <= p.Fail {
			if p.Permanent {
				return "", tasks.Permanent(fmt.Errorf("no user %q", p.Text))
			}
			return "", fmt.Errorf("attempt %d failed", a.Number)
		}
		return p.Text, write(fmt.Sprintf("end %s %d %d", a.ID, a.Number, time.Now().UnixMilli()))
	}
	definitions := []tasks.Definition{
		tasks.Define("note", note, tasks.MaxRetries(2), tasks.RetryDelay(2*time.Second)),
		tasks.Define("note.urgent", note, tasks.Queue("high-priority")),
		tasks.QueueSettings{Name: "default", VisibilityTimeout: tasks.MinVisibilityTimeout},
		tasks.QueueSettings{Name: "high-priority", VisibilityTimeout: tasks.MinVisibilityTimeout},
	}
	if os.Getenv(tickVar) == "1" {
		definitions = append(definitions, tasks.Periodic("tick", func(ctx context.Context) error {
			_, err := note(ctx, NoteParams{})
			return err
		}, tasks.Every(time.Second), tasks.Queue("high-priority")))
	}
	return tasks.NewRegistry(definitions...)
}

// A World is where one test's processes live.
type World struct {
	// Dir is their state directory.
	Dir string
	// Env has the AWS and CORE variables that say which endpoint they use.
	Env []string
}

// New returns a World with free addresses for the embedded queue and the HTTP API.
func New(t *testing.T) *World {
	t.Helper()
	return &World{Dir: t.TempDir(), Env: []string{"CORE_LOCAL=1", "CORE_LOCAL_ADDR=" + FreeAddr(t), "CORE_ADDR=" + FreeAddr(t)}}
}

// FreeAddr returns a loopback address on which nothing listens.
func FreeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}()
	return listener.Addr().String()
}

// Command is the program with its arguments, in this world. With the race detector it would sleep for a second at its end.
func (w *World) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append([]string{
		programVar + "=1", "GORACE=atexit_sleep_ms=0", "CORE_STATE_DIR=" + w.Dir, "PATH=" + os.Getenv("PATH"), "HOME=" + w.Dir, "AWS_EC2_METADATA_DISABLED=true",
	}, w.Env...)
	return cmd
}

// Run runs a command to its end.
func (w *World) Run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := w.Command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// Must runs a command that succeeds and returns what it printed.
func (w *World) Must(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := w.Run(t, "", args...)
	if code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// A Process is a long-running command.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu    sync.Mutex
	lines []string
	news  chan struct{} // closed and replaced with each line
}

// Start starts a long-running command and waits until it logs the given text.
func (w *World) Start(t *testing.T, until string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: w.Command(context.WithoutCancel(t.Context()), args...), done: make(chan struct{}), news: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%v said:\n%s", args, p.Text())
		}
	})
	p.await(t, until)
	return p
}

func (p *Process) read(stderr io.Reader) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // the exit code is in ProcessState
	close(p.done)
}

// Text is what the process has said so far on standard error.
func (p *Process) Text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await waits until the process has said a text.
func (p *Process) await(t *testing.T, text string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		news, said := p.news, strings.Join(p.lines, "\n")
		p.mu.Unlock()
		if strings.Contains(said, text) {
			return
		}
		select {
		case <-news:
		case <-p.done:
			t.Fatalf("ended before it said %q:\n%s", text, p.Text())
		case <-limit:
			t.Fatalf("did not say %q:\n%s", text, p.Text())
		}
	}
}

// Kill ends the process without a warning, as kill -9 does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// Terminate ends the process by SIGTERM and returns its exit code and how long it took.
func (p *Process) Terminate(t *testing.T) (code int, took time.Duration) {
	t.Helper()
	start := time.Now()
	p.Signal(t, syscall.SIGTERM)
	return p.Wait(t), time.Since(start)
}

// Signal sends the process a signal.
func (p *Process) Signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Wait waits for the end of the process and returns its exit code, which is -1 where a signal has ended it.
func (p *Process) Wait(t *testing.T) (code int) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatalf("did not end:\n%s", p.Text())
	}
	return p.cmd.ProcessState.ExitCode()
}

// deed is one line of the diary.
type deed struct {
	what    string
	job     string
	attempt int
	at      time.Time
}

func (w *World) diary(t *testing.T) []deed {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.Dir, "diary"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var deeds []deed
	for line := range strings.Lines(string(text)) {
		var d deed
		var millis int64
		if _, err := fmt.Sscan(line, &d.what, &d.job, &d.attempt, &millis); err != nil {
			t.Fatalf("diary line %q: %v", line, err)
		}
		d.at = time.UnixMilli(millis)
		deeds = append(deeds, d)
	}
	return deeds
}

// Count returns for how many jobs the diary has an entry of the kind.
func (w *World) Count(t *testing.T, what string) int {
	t.Helper()
	jobs := map[string]bool{}
	for _, d := range w.diary(t) {
		if d.what == what {
			jobs[d.job] = true
		}
	}
	return len(jobs)
}

// Await looks until the condition holds.
func Await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// depths returns what queues list says, by queue.
func (w *World) depths(t *testing.T) map[string]struct{ Waiting, Delayed, InFlight, Dead int } {
	t.Helper()
	var list []struct {
		Queue    string `json:"queue"`
		Waiting  int    `json:"waiting"`
		Delayed  int    `json:"delayed"`
		InFlight int    `json:"in_flight"`
		Dead     int    `json:"dead"`
	}
	if err := json.Unmarshal([]byte(w.Must(t, "queues", "list", "--output", "json")), &list); err != nil {
		t.Fatal(err)
	}
	depths := map[string]struct{ Waiting, Delayed, InFlight, Dead int }{}
	for _, d := range list {
		depths[d.Queue] = struct{ Waiting, Delayed, InFlight, Dead int }{d.Waiting, d.Delayed, d.InFlight, d.Dead}
	}
	return depths
}
