package cli_test

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

// programVar makes the test binary be the program under test, with the tasks below: the suites start it as a user does,
// as processes of their own, and kill some of them.
const programVar = "CORE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVar) == "1" {
		cli.Main(testRegistry(cli.StateDir()), cli.Example("note", `{"text":"hi"}`))
	}
	os.Exit(m.Run())
}

type noteParams struct {
	Text string `json:"text"`
	// Millis is how long the task takes.
	Millis int `json:"millis"`
	// Fail is how many attempts fail.
	Fail int `json:"fail"`
	// Permanent makes every failure permanent.
	Permanent bool `json:"permanent"`
}

// testRegistry has one task on each of two queues that writes its life into dir/diary.
func testRegistry(dir string) *tasks.Registry {
	write := func(line string) error {
		f, err := os.OpenFile(filepath.Join(dir, "diary"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, line)
		return errors.Join(err, f.Close())
	}
	note := func(ctx context.Context, p noteParams) (string, error) {
		a, _ := tasks.Current(ctx)
		if err := write(fmt.Sprintf("start %s %d %d", a.ID, a.Number, time.Now().UnixMilli())); err != nil {
			return "", err
		}
		select {
		case <-time.After(time.Duration(p.Millis) * time.Millisecond):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		if a.Number <= p.Fail {
			if p.Permanent {
				return "", tasks.Permanent(fmt.Errorf("no user %q", p.Text))
			}
			return "", fmt.Errorf("attempt %d failed", a.Number)
		}
		return p.Text, write(fmt.Sprintf("end %s %d %d", a.ID, a.Number, time.Now().UnixMilli()))
	}
	return tasks.NewRegistry(
		tasks.Define("note", note, tasks.MaxRetries(2), tasks.RetryDelay(2*time.Second)),
		tasks.Define("note.urgent", note, tasks.Queue("high-priority")),
		tasks.QueueSettings{Name: "default", VisibilityTimeout: tasks.MinVisibilityTimeout},
	)
}

// world is where one test's processes live: a state directory and an endpoint.
type world struct {
	dir string
	env []string // AWS and CORE variables of every process
}

// newWorld is one with an address for the embedded queue.
func newWorld(t *testing.T) *world {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return &world{dir: t.TempDir(), env: []string{"CORE_LOCAL=1", "CORE_LOCAL_ADDR=" + addr}}
}

func (w *world) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append([]string{
		programVar + "=1", "CORE_STATE_DIR=" + w.dir, "PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "AWS_EC2_METADATA_DISABLED=true",
	}, w.env...)
	return cmd
}

// run runs a command to its end.
func (w *world) run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := w.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// must runs a command that succeeds and returns what it printed.
func (w *world) must(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := w.run(t, "", args...)
	if code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, stderr)
	}
	return strings.TrimSpace(stdout)
}

// process is a long-running command.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu    sync.Mutex
	lines []string
	news  chan struct{} // closed and replaced with each line
}

// start starts a long-running command and waits until it logs the given text.
func (w *world) start(t *testing.T, until string, args ...string) *process {
	t.Helper()
	p := &process{cmd: w.command(context.WithoutCancel(t.Context()), args...), done: make(chan struct{}), news: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%v said:\n%s", args, p.text())
		}
	})
	p.await(t, until)
	return p
}

func (p *process) read(stderr io.Reader) {
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

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await waits until the process has said a text.
func (p *process) await(t *testing.T, text string) {
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
			t.Fatalf("ended before it said %q:\n%s", text, p.text())
		case <-limit:
			t.Fatalf("did not say %q:\n%s", text, p.text())
		}
	}
}

// kill ends the process without a warning, as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// terminate ends the process by SIGTERM and returns its exit code and how long it took.
func (p *process) terminate(t *testing.T) (code int, took time.Duration) {
	t.Helper()
	start := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatalf("did not end on SIGTERM:\n%s", p.text())
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(start)
}

// deed is one line of the diary.
type deed struct {
	what    string
	job     string
	attempt int
	at      time.Time
}

func (w *world) diary(t *testing.T) []deed {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "diary"))
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

// count returns for how many jobs the diary has an entry of the kind.
func (w *world) count(t *testing.T, what string) int {
	t.Helper()
	jobs := map[string]bool{}
	for _, d := range w.diary(t) {
		if d.what == what {
			jobs[d.job] = true
		}
	}
	return len(jobs)
}

// await looks until the condition holds.
func await(t *testing.T, what string, holds func() bool) {
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
func (w *world) depths(t *testing.T) map[string]struct{ Waiting, Delayed, InFlight, Dead int } {
	t.Helper()
	var list []struct {
		Queue    string `json:"queue"`
		Waiting  int    `json:"waiting"`
		Delayed  int    `json:"delayed"`
		InFlight int    `json:"in_flight"`
		Dead     int    `json:"dead"`
	}
	if err := json.Unmarshal([]byte(w.must(t, "queues", "list", "--output", "json")), &list); err != nil {
		t.Fatal(err)
	}
	depths := map[string]struct{ Waiting, Delayed, InFlight, Dead int }{}
	for _, d := range list {
		depths[d.Queue] = struct{ Waiting, Delayed, InFlight, Dead int }{d.Waiting, d.Delayed, d.InFlight, d.Dead}
	}
	return depths
}
