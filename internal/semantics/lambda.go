package semantics

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/coretasks/core/emulator/lambda"
	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

const (
	// FunctionTimeout is the Lambda functions' here.
	FunctionTimeout = 5 * time.Second
	// FunctionVisibility is what a queue that such a function works needs.
	FunctionVisibility = 6 * FunctionTimeout
)

// A NewFunction makes the function that works a queue.
type NewFunction func(t *testing.T, opts WorkOptions) lambda.Function

// Lambda is an Env whose work is done by a Lambda function behind an emulated event source mapping.
func Lambda(t *testing.T, api sqsqueue.API, prefix string, function NewFunction) Env {
	t.Helper()
	logger, client := producer(t, api, prefix)
	return Env{
		API:    api,
		Client: client,
		Work: func(t *testing.T, opts WorkOptions) func() error {
			t.Helper()
			url, err := client.URL(t.Context(), tasks.DefaultQueue)
			if err != nil {
				t.Fatal(err)
			}
			mapping, err := lambda.NewMapping(t.Context(), api, function(t, opts), lambda.Config{
				QueueURL: url, Timeout: FunctionTimeout, MaxConcurrency: 2, Logger: logger,
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				mapping.Run(ctx)
			}()
			return func() error {
				cancel()
				<-ended
				return nil
			}
		},
	}
}

// InProcess is a handler in the test's process.
func InProcess(api sqsqueue.API) NewFunction {
	return func(t *testing.T, opts WorkOptions) lambda.Function {
		t.Helper()
		logger, _ := producer(t, api, "")
		options := []lambdaworker.Option{lambdaworker.SQS(api), lambdaworker.Logger(logger), lambdaworker.Recorder(workload.Recorder{})}
		if opts.Concurrency > 0 {
			options = append(options, lambdaworker.Concurrency(opts.Concurrency))
		}
		if opts.Grace > 0 {
			options = append(options, lambdaworker.Grace(opts.Grace))
		}
		h, err := lambdaworker.New(opts.Registry(), options...)
		if err != nil {
			t.Fatal(err)
		}
		return lambda.InProcess(h)
	}
}

// Bootstrap is a binary that Build made, on the queues at the endpoint.
func Bootstrap(binary, endpoint string) NewFunction {
	return func(t *testing.T, opts WorkOptions) lambda.Function {
		t.Helper()
		env := []string{
			"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"AWS_LAMBDA_LOG_LEVEL=DEBUG",
		}
		if opts.Concurrency > 0 {
			env = append(env, fmt.Sprintf("CORE_CONCURRENCY=%d", opts.Concurrency))
		}
		if opts.Grace > 0 {
			env = append(env, fmt.Sprintf("CORE_GRACE=%v", opts.Grace))
		}
		p, err := lambda.NewProcess(binary, lambda.ProcessConfig{Env: env, Output: t.Output()})
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
}

// Build makes the bootstrap of the suite's tasks, as 'make lambda' makes the example's, and returns its path.
func Build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", binary,
		"github.com/coretasks/core/internal/semantics/bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the bootstrap: %v\n%s", err, out)
	}
	return binary
}
