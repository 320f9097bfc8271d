package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/emulator/lambda"
	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// onLambda reports whether Lambda has started this program: it sets the variable, and gives no arguments.
func onLambda(args []string) bool { return os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" && len(args) == 0 }

// functionOptions are what the program's variables say of the function that works its queues.
func (p *program) functionOptions(ctx context.Context) ([]lambdaworker.Option, error) {
	if err := p.fromEnvironment(p.root().PersistentFlags()); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	store, err := p.store(ctx)
	if err != nil {
		return nil, err
	}
	recorder := p.recorder(store, p.logger())
	if recorder == nil {
		return nil, nil
	}
	return []lambdaworker.Option{lambdaworker.Recorder(recorder)}, nil
}

// functionFlags are those of 'core dev --lambda'.
type functionFlags struct {
	lambda bool
	binary string // of the function; this program's own when it is empty
	batch  int
	window time.Duration
}

func (f *functionFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.lambda, "lambda", false, "work the queues as Lambda does: by the function BINARY, or by this program as one, behind event source mappings; --concurrency bounds the invocations at once")
	cmd.Flags().IntVar(&f.batch, "lambda-batch-size", lambda.DefaultBatchSize, "how many messages an invocation gets at most")
	lengthVar(cmd.Flags(), &f.window, "lambda-batch-window", 0, unbounded,
		"how long a batch that is not full waits for more")
}

// parse checks the flags and takes the binary's path, the only argument that there may be.
func (f *functionFlags) parse(args []string) error {
	switch {
	case f.batch < 1 || f.batch > lambda.MaxBatchSize:
		return usagef("--lambda-batch-size: batch size %d is invalid: it must be 1 to %d", f.batch, lambda.MaxBatchSize)
	case f.window < 0 || f.window > lambda.MaxWindow:
		return usagef("--lambda-batch-window: batching window %v is invalid: it must be 0 to %v", f.window, lambda.MaxWindow)
	case len(args) == 0:
		return nil
	case !f.lambda:
		return usagef("unexpected argument %q; a function's binary needs --lambda", args[0])
	}
	f.binary = args[0]
	return nil
}

// function makes the function: each of its environments is a process with the embedded queue for AWS.
func (p *program) function(f functionFlags) (*lambda.Process, error) {
	state, err := filepath.Abs(StateDir())
	if err != nil {
		return nil, err
	}
	// The developer's own variables are there for the tasks; those of AWS are what is said here.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	env = append(env,
		"AWS_ENDPOINT_URL_SQS=http://"+p.settings.localAddr, "AWS_REGION="+localRegion(),
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_LAMBDA_LOG_LEVEL="+strings.ToUpper(p.settings.logLevel),
		"CORE_STATE_DIR="+state, "CORE_RESULTS="+p.settings.results,
	)
	if f.binary == "" {
		env = append(env, "CORE_LOCAL=true", "CORE_LOCAL_ADDR="+p.settings.localAddr,
			"CORE_LOG_LEVEL="+p.settings.logLevel, fmt.Sprintf("CORE_RESULTS_FINAL_ONLY=%v", p.settings.finalOnly))
		if f.binary, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return lambda.NewProcess(f.binary, lambda.ProcessConfig{Env: env, Dir: dir, Output: &locked{w: p.jsonTo(p.stderr)}})
}

// locked lets several processes write.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// workByFunction maps the queues to the function until ctx ends, and a little longer: invocations under way may end.
func (p *program) workByFunction(ctx context.Context, em *emulator.Emulator, client *sqsqueue.Client, f functionFlags, cfg sqsqueue.WorkerConfig, ready func()) (err error) {
	function, err := p.function(f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, function.Close()) }()
	var mappings []*lambda.Mapping
	for _, spec := range p.registry.Queues() {
		if !works(cfg, spec.Name) {
			continue
		}
		url, err := client.URL(ctx, spec.Name)
		if err != nil {
			return err
		}
		m, err := lambda.NewMapping(ctx, em.SQS().In(localRegion()), function, lambda.Config{
			QueueURL: url, BatchSize: f.batch, Window: f.window, MaxConcurrency: cfg.Concurrency,
			Timeout: functionTimeout(spec), Logger: p.logger(),
		})
		if err != nil {
			return &usageError{err: err}
		}
		mappings = append(mappings, m)
	}
	fetching, stopFetching := context.WithCancel(ctx)
	defer stopFetching()
	var running sync.WaitGroup
	for _, m := range mappings {
		running.Go(func() { m.Run(fetching) })
	}
	now := make(chan struct{})
	defer p.obeySignals(&functionWorker{logger: p.logger(), stopFetching: stopFetching, now: now})()
	ready()
	<-ctx.Done()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		running.Wait()
	}()
	select {
	case <-ended:
	case <-now:
		err = p.abandon(function)
		<-ended
	case <-time.After(cfg.ShutdownTimeout):
		err = p.abandon(function)
		<-ended
	}
	return err
}

// abandon ends a function whose invocations are under way.
func (p *program) abandon(function *lambda.Process) error {
	p.say("invocations are still under way; their messages come back after the queues' visibility timeouts")
	return function.Close()
}

// A functionWorker makes the mappings obey the signals as a worker does.
type functionWorker struct {
	logger       *slog.Logger
	stopFetching context.CancelFunc
	now          chan struct{}
}

// StopFetching lets invocations under way end, and begins no others.
func (f *functionWorker) StopFetching() {
	f.logger.Info("the mappings fetch no more messages; invocations under way go on until they end")
	f.stopFetching()
}

// StopNow waits for no invocation any longer.
func (f *functionWorker) StopNow() { close(f.now) }

func works(cfg sqsqueue.WorkerConfig, queue string) bool {
	for _, q := range cfg.Queues {
		if q.Name == queue {
			return true
		}
	}
	return len(cfg.Queues) == 0
}

// functionTimeout is what the queue's definition says, or as much as its visibility timeout allows.
func functionTimeout(spec tasks.QueueSpec) time.Duration {
	if spec.LambdaTimeout > 0 {
		return spec.LambdaTimeout
	}
	return min(max((spec.QueueVisibility()/6).Truncate(time.Second), time.Second), lambda.MaxTimeout)
}

// describeFunction says what works the queues.
func (p *program) describeFunction(f functionFlags) string {
	if f.binary == "" {
		return "this program as a Lambda function"
	}
	return fmt.Sprintf("the Lambda function %s", f.binary)
}
