package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// InitTimeout is how long a function may take until it asks for its first invocation ("Lambda execution environment
// lifecycle").
const InitTimeout = 10 * time.Second

// ProcessConfig sets up a [Process].
type ProcessConfig struct {
	// Args are the binary's own.
	Args []string
	// Env is what the function finds besides what Lambda sets: region, credentials, endpoints, and its own settings. It
	// inherits nothing.
	Env []string
	// Dir is where it runs. The default is the binary's directory.
	Dir string
	// Output gets what the function writes. The default is nowhere.
	Output io.Writer
}

// A Process is a function made of a binary that speaks the Lambda Runtime API. Each execution environment is a process
// with an API of its own; one invocation at a time runs in it, and a new one is started when none is idle.
type Process struct {
	path string
	cfg  ProcessConfig

	mu     sync.Mutex
	idle   []*environment
	all    map[*environment]struct{}
	closed bool
}

// NewProcess makes a function of a binary, the bootstrap of a deployment. Nothing is started before the first invocation.
func NewProcess(path string, cfg ProcessConfig) (*Process, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the function's binary: %w", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return nil, fmt.Errorf("the function's binary %s is not executable", path)
	}
	if cfg.Output == nil {
		cfg.Output = io.Discard
	}
	if cfg.Dir == "" {
		cfg.Dir = filepath.Dir(path)
	}
	return &Process{path: path, cfg: cfg, all: map[*environment]struct{}{}}, nil
}

var errClosed = errors.New("the function is closed")

// Invoke implements [Function].
func (p *Process) Invoke(ctx context.Context, r Request) ([]byte, error) {
	for {
		env, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := env.invoke(ctx, r)
		if err != nil && ctx.Err() != nil {
			env.kill() // as Lambda does; what it was doing ends here
			err = timedOut(r.ID)
		}
		p.put(env)
		if !errors.Is(err, errGone) {
			return answer, err
		}
	}
}

// take returns an idle environment, or starts one.
func (p *Process) take(ctx context.Context) (*environment, error) {
	p.mu.Lock()
	for len(p.idle) > 0 {
		env := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if env.alive() {
			p.mu.Unlock()
			return env, nil
		}
		delete(p.all, env)
	}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	env, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		env.kill()
		return nil, errClosed
	}
	p.all[env] = struct{}{}
	return env, nil
}

func (p *Process) put(env *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !env.alive() {
		delete(p.all, env)
		return
	}
	p.idle = append(p.idle, env)
}

// PIDs returns the processes that there are.
func (p *Process) PIDs() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var pids []int
	for env := range p.all {
		if env.alive() {
			pids = append(pids, env.cmd.Process.Pid)
		}
	}
	return pids
}

// Close kills the processes.
func (p *Process) Close() error {
	p.mu.Lock()
	p.closed = true
	var all []*environment
	for env := range p.all {
		all = append(all, env)
	}
	p.mu.Unlock()
	for _, env := range all {
		env.kill()
	}
	return nil
}

// start starts a process and waits until it asks for work.
func (p *Process) start(ctx context.Context) (*environment, error) {
	env := newEnvironment()
	addr, err := env.listen()
	if err != nil {
		return nil, err
	}
	env.cmd = exec.Command(p.path, p.cfg.Args...) //nolint:noctx // it outlives the invocation that it is started for
	env.cmd.Dir = p.cfg.Dir
	env.cmd.Stdout, env.cmd.Stderr = p.cfg.Output, p.cfg.Output
	env.cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=en_US.UTF-8", "TZ=:UTC",
		"AWS_LAMBDA_RUNTIME_API=" + addr, "_HANDLER=bootstrap", "LAMBDA_TASK_ROOT=" + filepath.Dir(p.path),
		"AWS_LAMBDA_FUNCTION_NAME=local", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/local", "AWS_LAMBDA_LOG_STREAM_NAME=local",
	}, p.cfg.Env...)
	if err := env.cmd.Start(); err != nil {
		env.stop()
		return nil, fmt.Errorf("start the function: %w", err)
	}
	go env.await()
	ctx, cancel := context.WithTimeout(ctx, InitTimeout)
	defer cancel()
	if err := env.ready(ctx); err != nil {
		env.kill()
		return nil, err
	}
	return env, nil
}
