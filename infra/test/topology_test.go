package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/uuid"

	"github.com/coretasks/core/internal/testenv"
)

// TestTopology starts what the compose files start, by their own commands and variables, as processes in the file system
// of the image. A network of containers is all that is missing: names become addresses of this machine.
func TestTopology(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the image is for Linux")
	}
	t.Run("compose.local.yaml", func(t *testing.T) {
		t.Parallel()
		c := compose(t, "compose.local.yaml", nil)
		c.start(t, "local")
		c.workJob(t)
	})
	t.Run("compose.yaml", func(t *testing.T) {
		t.Parallel()
		localStack := testenv.LocalStack(t)
		address := strings.TrimPrefix(*localStack.BaseEndpoint, "http://")
		compose(t, "compose.yaml", map[string]string{"localstack:4566": address}).workJob(t)
	})
}

// containers are the services of a compose file as processes.
type containers struct {
	project *types.Project
	root    string
	names   *strings.Replacer // of the network
	api     string
	running []*container
}

type container struct {
	name   string
	cmd    *exec.Cmd
	log    *log
	health string
	done   chan error
}

func compose(t *testing.T, file string, names map[string]string) *containers {
	t.Helper()
	c := &containers{project: project(t, file), root: imageRoot(t), api: freeAddr(t)}
	local := freeAddr(t)
	pairs := []string{"0.0.0.0:8000", c.api, "0.0.0.0:4560", local, "local:4560", local, "dev-", uuid.NewString()[:8] + "-"}
	for name, address := range names {
		pairs = append(pairs, name, address)
	}
	c.names = strings.NewReplacer(pairs...)
	t.Cleanup(func() {
		for _, p := range c.running {
			_ = p.cmd.Process.Kill()
			<-p.done //nolint:errcheck // it was killed
			if t.Failed() {
				t.Logf("%s said:\n%s", p.name, p.log)
			}
		}
	})
	return c
}

// command is the process of a service.
func (c *containers) command(t *testing.T, service, health string) *exec.Cmd {
	t.Helper()
	s, ok := c.project.Services[service]
	if !ok {
		t.Fatalf("there is no service %s", service)
	}
	var env, args []string
	for name, value := range s.Environment {
		env = append(env, name+"="+c.names.Replace(*value))
	}
	for _, arg := range s.Command {
		args = append(args, c.names.Replace(arg))
	}
	return inRoot(t, c.root, append(env, "CORE_HEALTH_ADDR="+health), args...)
}

func (c *containers) start(t *testing.T, service string) {
	t.Helper()
	s := c.project.Services[service]
	for i := range s.GetScale() {
		p := &container{name: fmt.Sprintf("%s-%d", service, i+1), log: &log{}, health: freeAddr(t), done: make(chan error, 1)}
		p.cmd = c.command(t, service, p.health)
		p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
		if err := p.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { p.done <- p.cmd.Wait(); close(p.done) }()
		c.running = append(c.running, p)
		await(t, p.name+" is healthy", func() error {
			out, err := inRoot(t, c.root, []string{"CORE_HEALTH_ADDR=" + p.health}, "health").CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s%s", err, out, p.log)
			}
			return nil
		})
	}
}

// workJob starts what is left, has a job worked, and stops everything.
func (c *containers) workJob(t *testing.T) {
	t.Helper()
	if out, err := c.command(t, "queues", "").CombinedOutput(); err != nil {
		t.Fatalf("queues: %v\n%s", err, out)
	}
	for _, service := range []string{"api", "worker", "scheduler"} {
		c.start(t, service)
	}
	token := *c.project.Services["api"].Environment["CORE_API_TOKEN"]
	call := func(method, path, body string, into any) error {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.api+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if resp.StatusCode >= http.StatusBadRequest {
			return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
		}
		return json.Unmarshal(text, into)
	}
	var job struct{ ID, State string }
	if err := call(http.MethodPost, "/tasks/reports.generate", `{"user_id":1,"report_type":"monthly"}`, &job); err != nil {
		t.Fatal(err)
	}
	await(t, "the job is done", func() error {
		if err := call(http.MethodGet, "/jobs/"+job.ID, "", &job); err != nil {
			return err
		}
		if job.State != "succeeded" {
			return fmt.Errorf("it is %s", job.State)
		}
		return nil
	})
	// As 'docker compose stop' does: the last first.
	for _, p := range slices.Backward(c.running) {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		select {
		case err := <-p.done:
			if err != nil {
				t.Errorf("%s ended with %v\n%s", p.name, err, p.log)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s does not stop within its grace period", p.name)
		}
	}
}

// log is what a process says.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await tries until there is no error, for a minute.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within a minute: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
