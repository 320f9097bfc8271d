package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/tasks"
)

// Where records are kept.
const (
	storeNone   = "none"
	storeSQLite = "SQLite"
)

// steps is a job that reports progress on its way.
const (
	stepsTask = "bench.steps"
	stepCount = 5
	stepTime  = 600 * time.Millisecond
)

func apiRegistry() *tasks.Registry {
	steps := tasks.Define(stepsTask, tasks.NoResult(func(ctx context.Context, _ params) error {
		for i := range stepCount {
			time.Sleep(stepTime)
			tasks.Progress(ctx, float64(i+1)/stepCount, "step "+strconv.Itoa(i+1))
		}
		return nil
	}), tasks.Queue(queueName))
	return tasks.NewRegistry(coreTask(nothing), steps)
}

// runCore is the process of a core command, as users have it, until its input ends. An argument before the command's names
// a CPU profile or is "".
func runCore(args []string, in io.Reader, out, errs io.Writer) error {
	finish, err := startProfile(args[0])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	if code := cli.Run(ctx, apiRegistry(), args[1:], nil, out, errs); code != 0 {
		return fmt.Errorf("core %v ended with %d", args[1:], code)
	}
	return finish()
}

// A site is an endpoint and what a user starts on it.
type site struct {
	dir      string
	endpoint *remoteEndpoint
	results  string
	url      string // of the API
	server   *process
	profile  string
}

// newSite starts an endpoint and core run.
func newSite(ctx context.Context, store, profile string) (_ *site, err error) {
	s := &site{results: "none", profile: profile}
	if s.dir, err = os.MkdirTemp("", "bench-api-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if store == storeSQLite {
		s.results = "sqlite://" + filepath.Join(s.dir, "jobs.db")
	}
	if s.endpoint, err = startEndpoint(ctx, 0, filepath.Join(s.dir, "queues.db")); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	s.url = "http://" + addr
	if s.server, err = s.core(ctx, profile, "run", "--addr", addr); err != nil {
		return nil, err
	}
	return s, s.awaitServer(ctx)
}

// core starts a command on the site's endpoint.
func (s *site) core(ctx context.Context, profile string, args ...string) (*process, error) {
	args = append([]string{"core", profile}, args...)
	return startWith(ctx, []string{
		"AWS_ENDPOINT_URL_SQS=" + s.endpoint.where.SQS, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench",
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "CORE_STATE_DIR=" + s.dir, "CORE_RESULTS=" + s.results, "CORE_LOG_LEVEL=warn",
	}, args...)
}

func (s *site) awaitServer(ctx context.Context) error {
	for range 500 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("core run does not answer")
}

// stopServer ends core run, and returns the most memory that it had and its time on the CPU.
func (s *site) stopServer() (peak int64, cpu time.Duration) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.server.cmd.Process.Pid))
	if err == nil { // systems without /proc give no figure
		peak = parseMemory(string(status)).Peak
	}
	s.server.end()
	if state := s.server.cmd.ProcessState; state != nil {
		cpu = state.UserTime() + state.SystemTime()
	}
	s.server = nil
	return peak, cpu
}

func (s *site) close() {
	if s.server != nil {
		s.server.end()
	}
	if s.endpoint != nil {
		s.endpoint.stop()
	}
	_ = os.RemoveAll(s.dir)
}
