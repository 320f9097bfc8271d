package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/internal/chaos/clock"
	"github.com/coretasks/core/tasks"
)

const (
	// roleVar makes a binary be one of the processes that a run starts and kills.
	roleVar      = "CORE_CHAOS_ROLE"
	roleCore     = "core"
	roleProducer = "producer"
	// dirVar is the directory of a run.
	dirVar = "CORE_CHAOS_DIR"
)

// Main is what a binary that runs this package's experiments calls first: in the processes that they start, it is the
// program under test, and Main does not return.
func Main() {
	role, dir := os.Getenv(roleVar), os.Getenv(dirVar)
	if role == "" {
		return
	}
	if err := obeyClock(); err != nil {
		fmt.Fprintln(os.Stderr, "clock:", err)
		os.Exit(1)
	}
	go obeyDisk()
	go keepStats(dir)
	if role == roleProducer {
		if err := produce(dir); err != nil {
			fmt.Fprintln(os.Stderr, "producer:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	book, err := openDiary(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "diary:", err)
		os.Exit(1)
	}
	cli.Main(registry(book))
}

// What a job is meant to do.
const (
	kindQuick     = "quick"     // a few milliseconds
	kindSlow      = "slow"      // up to three seconds
	kindFlaky     = "flaky"     // fails once or twice
	kindPermanent = "permanent" // fails for good
	kindPanic     = "panic"     // panics the first time
	kindCancel    = "cancel"    // is cancelled while it waits
	kindExhausted = "exhausted" // always fails
	kindTimeout   = "timeout"   // takes longer than it may
	kindOther     = "other"     // on a second queue
	kindTick      = "tick"      // of the periodic task
)

// params are the parameters of every task here.
type params struct {
	Kind   string `json:"kind"`
	Millis int    `json:"millis"`
	Fail   int    `json:"fail"`
}

const (
	visibility = 6 * time.Second
	retryDelay = time.Second
)

// definitions are the tasks of the program under test.
type definitions struct {
	work, frail, brief, other *tasks.Task[params, string]
}

func define(fn func(context.Context, params) (string, error)) definitions {
	return definitions{
		// Without a store a delivery that a killed worker had received counts as an attempt, so there must be plenty.
		work:  tasks.Define("chaos.work", fn, tasks.MaxRetries(30), tasks.RetryDelay(retryDelay)),
		frail: tasks.Define("chaos.frail", fn, tasks.MaxRetries(1), tasks.RetryDelay(retryDelay)),
		brief: tasks.Define("chaos.brief", fn, tasks.MaxRetries(1), tasks.RetryDelay(retryDelay), tasks.Timeout(300*time.Millisecond)),
		other: tasks.Define("chaos.other", fn, tasks.Queue("second"), tasks.MaxRetries(30), tasks.RetryDelay(retryDelay)),
	}
}

// remote are the tasks of a program that only sends.
func remote() definitions {
	return define(func(context.Context, params) (string, error) { return "", errors.New("this runs in workers") })
}

// of is the task for a kind of job.
func (d definitions) of(kind string) *tasks.Task[params, string] {
	switch kind {
	case kindExhausted:
		return d.frail
	case kindTimeout:
		return d.brief
	case kindOther:
		return d.other
	}
	return d.work
}

func registry(book *diary) *tasks.Registry {
	d := define(book.perform)
	return tasks.NewRegistry(d.work, d.frail, d.brief, d.other,
		tasks.Periodic(tickTask, book.tick, tasks.Every(tickPeriod), tasks.MaxRetries(30), tasks.RetryDelay(retryDelay)),
		tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: visibility},
		tasks.QueueSettings{Name: "second", VisibilityTimeout: visibility})
}

// tickTask is the periodic task, which comes due each tickPeriod.
const (
	tickTask   = "chaos.tick"
	tickPeriod = time.Second
)

// A diary is where a process writes what its tasks do, in lines of one write each: kill -9 can't take them back.
type diary struct {
	mu   sync.Mutex
	file *os.File
}

func openDiary(dir string) (*diary, error) {
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("diary-%d", os.Getpid())), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &diary{file: f}, nil
}

func (d *diary) write(what string, a tasks.Attempt) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := fmt.Fprintf(d.file, "%s %s %d %d %d\n", what, a.ID, a.Number, clock.True().UnixMicro(), time.Now().UnixMicro())
	return err
}

// tick is what the periodic task does.
func (d *diary) tick(ctx context.Context) error {
	_, err := d.perform(ctx, params{Kind: kindTick})
	return err
}

// perform is what every task does: its last line is its effect.
func (d *diary) perform(ctx context.Context, p params) (string, error) {
	a, _ := tasks.Current(ctx)
	if err := d.write("start", a); err != nil {
		return "", err
	}
	if p.Kind == kindTimeout {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	select {
	case <-time.After(time.Duration(p.Millis) * time.Millisecond):
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	switch {
	case p.Kind == kindPermanent:
		return "", tasks.Permanent(errors.New("no such user"))
	case p.Kind == kindPanic && a.Number <= p.Fail:
		panic("out of luck")
	case a.Number <= p.Fail:
		return "", fmt.Errorf("attempt %d fails", a.Number)
	}
	return "done", d.write("end", a)
}
