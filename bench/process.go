package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// process is a child of this program: itself, with other arguments. It ends with its input, so it never outlives us.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(ctx context.Context, args ...string) (*process, error) {
	return startWith(ctx, nil, args...)
}

// startWith starts a child with an environment of its own; nil is ours.
func startWith(ctx context.Context, env []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = env
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, in: in, out: bufio.NewReader(out)}, nil
}

func (p *process) say(line string) error {
	_, err := io.WriteString(p.in, line+"\n")
	return err
}

// read reads the next line as JSON.
func (p *process) read(into any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%v: %w", p.cmd.Args[1:], err)
	}
	return json.Unmarshal(line, into)
}

// end closes the child's input, which ends it, and waits; a child that does not end within some seconds is killed.
func (p *process) end() {
	_ = p.in.Close()
	overdue := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer overdue.Stop()
	_ = p.cmd.Wait() // a child's exit code says nothing here: its report did
}

// remoteEndpoint is an endpoint in a process of its own.
type remoteEndpoint struct {
	process *process
	where   addresses
}

// startEndpoint starts one; state is the file of a durable one, or "".
func startEndpoint(ctx context.Context, delay time.Duration, state string) (*remoteEndpoint, error) {
	p, err := start(ctx, "endpoint", "--delay", delay.String(), "--state", state)
	if err != nil {
		return nil, err
	}
	e := &remoteEndpoint{process: p}
	if err := p.read(&e.where); err != nil {
		p.end()
		return nil, err
	}
	return e, nil
}

func (e *remoteEndpoint) stop() { e.process.end() }

// ask calls the endpoint's control port.
func (e *remoteEndpoint) ask(ctx context.Context, method, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, e.where.Control+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("endpoint: %s", text)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

func (e *remoteEndpoint) counts(ctx context.Context) (c counts, err error) {
	return c, e.ask(ctx, http.MethodGet, "/counts", &c)
}

func (e *remoteEndpoint) reset(ctx context.Context) error {
	return e.ask(ctx, http.MethodPost, "/reset", nil)
}

func (e *remoteEndpoint) await(ctx context.Context, deleted int) (c counts, err error) {
	return c, e.ask(ctx, http.MethodGet, "/await?deleted="+strconv.Itoa(deleted), &c)
}

// startCandidate starts a candidate's process, which waits for begin.
func startCandidate(ctx context.Context, e *remoteEndpoint, name, phase string, args ...string) (*process, error) {
	all := []string{"candidate", "--name", name, "--phase", phase}
	if e != nil {
		all = append(all, "--endpoint", e.where.SQS)
	}
	p, err := start(ctx, append(all, args...)...)
	if err != nil {
		return nil, err
	}
	if line, err := p.out.ReadString('\n'); err != nil || line != "ready\n" {
		p.end()
		return nil, errors.Join(fmt.Errorf("candidate %s did not start: %q", name, line), err)
	}
	return p, nil
}

// begin lets a candidate start to work.
func (p *process) begin() error { return p.say("go") }

// finish tells a candidate to stop what goes on by itself, and returns its report.
func (p *process) finish() (r report, err error) {
	if err := p.say("stop"); err != nil {
		return r, err
	}
	return r, p.read(&r)
}

// result waits for a candidate that ends by itself.
func (p *process) result() (r report, err error) { return r, p.read(&r) }
